import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.stream.StreamSupport;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * Random topics, and what Java's consumer reads of them. Arguments: client.properties, a subcommand and what it needs.
 * A file that `make` and `read` write has one section a partition and isolation level: `range LEVEL TOPIC PARTITION
 * START END`, then `OFFSET TIMESTAMP KEY_BYTES VALUE_BYTES HEADERS CHECKSUM` a record, with the checksum of its tally.
 */
public final class Differential {
    private static final Duration LONGEST_READ = Duration.ofSeconds(100);
    private static final List<String> LEVELS = List.of("read_uncommitted", "read_committed");

    public static void main(String[] args) throws Exception {
        Properties properties = Options.properties(args[0]);
        switch (args[1]) {
            case "make" -> make(properties, Long.parseLong(args[2]), Integer.parseInt(args[3]), args[4], args[5]);
            case "more" -> more(properties, Long.parseLong(args[2]), Integer.parseInt(args[3]), args[4], args[5]);
            case "read" -> read(properties, Long.parseLong(args[2]), args[3]); // SEED FILE
            case "delete" -> delete(properties, Long.parseLong(args[2])); // SEED
            default -> throw new IllegalArgumentException("no subcommand " + args[1]);
        }
    }

    /**
     * SEED TOPICS BROKERS FILE: on brokers `1,2`, from where logs can be cut off, or wherever, `any`. What is still open
     * then stays open: the program ends without a word to the brokers.
     */
    private static void make(Properties properties, long seed, int topics, String on, String file) throws Exception {
        new RandomTopics(properties, seed, topics, brokers(on)).write();
        read(properties, seed, file);
        System.err.flush();
        Runtime.getRuntime().halt(0);
    }

    /** SEED TOPICS BROKERS STAGE: writes more to what was made so. */
    private static void more(Properties properties, long seed, int topics, String on, String stage)
            throws Exception {
        new RandomTopics(properties, seed, topics, brokers(on)).writeMore(Integer.parseInt(stage));
    }

    private static List<Integer> brokers(String on) {
        return on.equals("any") ? List.of() : Arrays.stream(on.split(",")).map(Integer::valueOf).toList();
    }

    private static void delete(Properties properties, long seed) throws Exception {
        try (Admin admin = Admin.create(properties)) {
            admin.deleteTopics(topics(admin, seed)).all().get();
        }
    }

    private static List<String> topics(Admin admin, long seed) throws Exception {
        String prefix = RandomTopics.prefix(seed);
        return admin.listTopics().names().get().stream().filter(name -> name.startsWith(prefix)).sorted().toList();
    }

    private static void read(Properties properties, long seed, String file) throws Exception {
        List<TopicPartition> partitions;
        try (Admin admin = Admin.create(properties)) {
            Collection<TopicDescription> described =
                    admin.describeTopics(topics(admin, seed)).allTopicNames().get().values();
            partitions = described.stream()
                    .flatMap(topic -> topic.partitions().stream()
                            .map(info -> new TopicPartition(topic.name(), info.partition())))
                    .toList();
        }
        Path part = Path.of(file + ".part");
        try (var out = new PrintWriter(Files.newBufferedWriter(part, StandardCharsets.UTF_8))) {
            for (String level : LEVELS) {
                read(properties, partitions, level, out);
            }
        }
        Files.move(part, Path.of(file));
    }

    private static void read(Properties properties, List<TopicPartition> partitions, String level, PrintWriter out) {
        properties.put(ConsumerConfig.KEY_DESERIALIZER_CLASS_CONFIG, ByteArrayDeserializer.class);
        properties.put(ConsumerConfig.VALUE_DESERIALIZER_CLASS_CONFIG, ByteArrayDeserializer.class);
        properties.put(ConsumerConfig.ISOLATION_LEVEL_CONFIG, level);
        properties.put(ConsumerConfig.ENABLE_AUTO_COMMIT_CONFIG, "false");
        properties.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "none");
        properties.put(ConsumerConfig.MAX_POLL_RECORDS_CONFIG, "5000");
        Map<TopicPartition, StringBuilder> sections = new HashMap<>();
        try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(properties)) {
            Map<TopicPartition, Long> starts = consumer.beginningOffsets(partitions);
            Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
            consumer.assign(partitions);
            for (TopicPartition partition : partitions) {
                consumer.seek(partition, starts.get(partition));
                sections.put(partition, new StringBuilder(String.format("range %s %s %d %d %d%n", level,
                        partition.topic(), partition.partition(), starts.get(partition), ends.get(partition))));
            }
            long deadline = System.nanoTime() + LONGEST_READ.toNanos();
            while (ends.entrySet().stream().anyMatch(end -> consumer.position(end.getKey()) < end.getValue())) {
                if (System.nanoTime() > deadline) {
                    throw new IllegalStateException("not at all ends in time, " + level + ": " + ends);
                }
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(100))) {
                    TopicPartition partition = new TopicPartition(record.topic(), record.partition());
                    if (record.offset() < ends.get(partition)) {
                        sections.get(partition).append(line(record)).append('\n');
                    }
                }
            }
        }
        partitions.forEach(partition -> out.print(sections.get(partition)));
    }

    private static String line(ConsumerRecord<byte[], byte[]> r) {
        Tally tally = new Tally();
        tally.add(r.topic(), r.partition(), r.offset(), r.timestamp(), r.key(), r.value(), r.headers());
        return String.format("%d %d %d %d %d %016x", r.offset(), r.timestamp(), length(r.key()), length(r.value()),
                StreamSupport.stream(r.headers().spliterator(), false).count(), tally.checksum());
    }

    private static int length(byte[] bytes) {
        return bytes == null ? -1 : bytes.length;
    }
}
