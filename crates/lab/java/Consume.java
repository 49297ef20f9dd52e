import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * Reads a topic from the start to the ends that it has when the program begins, and prints the tally.
 * Arguments: client.properties, then options; see DEFAULTS.
 */
public final class Consume {
    private static final Map<String, String> DEFAULTS =
            Map.of("topic", "", "isolation", "read_committed", "timeout_s", "60");

    public static void main(String[] args) throws Exception {
        Properties properties = Options.properties(args[0]);
        Options options = new Options(Arrays.asList(args).subList(1, args.length), DEFAULTS);
        Tally tally = read(properties, options.text("topic"), options.text("isolation"), options.number("timeout_s"));
        System.out.println(tally.json());
    }

    static Tally read(Properties properties, String topic, String isolation, int timeoutSeconds) {
        properties.put(ConsumerConfig.KEY_DESERIALIZER_CLASS_CONFIG, ByteArrayDeserializer.class);
        properties.put(ConsumerConfig.VALUE_DESERIALIZER_CLASS_CONFIG, ByteArrayDeserializer.class);
        properties.put(ConsumerConfig.ISOLATION_LEVEL_CONFIG, isolation);
        properties.put(ConsumerConfig.ENABLE_AUTO_COMMIT_CONFIG, "false");
        long deadline = System.nanoTime() + Duration.ofSeconds(timeoutSeconds).toNanos();
        Tally tally = new Tally();
        try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(properties)) {
            List<TopicPartition> partitions = consumer.partitionsFor(topic).stream()
                    .map(info -> new TopicPartition(info.topic(), info.partition()))
                    .toList();
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
            while (ends.entrySet().stream().anyMatch(end -> consumer.position(end.getKey()) < end.getValue())) {
                if (System.nanoTime() > deadline) {
                    throw new IllegalStateException("not at the ends " + ends + " in time; so far " + tally.json());
                }
                for (ConsumerRecord<byte[], byte[]> r : consumer.poll(Duration.ofMillis(200))) {
                    if (r.offset() < ends.get(new TopicPartition(r.topic(), r.partition()))) {
                        tally.add(r.topic(), r.partition(), r.offset(), r.timestamp(), r.key(), r.value(), r.headers());
                    }
                }
            }
        }
        return tally;
    }
}
