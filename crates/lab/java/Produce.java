import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.SplittableRandom;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.errors.TopicExistsException;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Writes records and prints the tally of those that a read_committed reader sees.
 * Arguments: client.properties, then options; see DEFAULTS.
 */
public final class Produce {
    private static final Map<String, String> DEFAULTS = Map.ofEntries(
            Map.entry("topic", ""),
            Map.entry("partitions", "1"), // of the topic, if it is missing; also written to round robin
            Map.entry("replicas", "1"),
            Map.entry("count", "1000"),
            Map.entry("key_bytes", "0"), // 0: no key
            Map.entry("value_bytes", "100"),
            Map.entry("null_value_every", "0"), // N: every Nth record has no value
            Map.entry("headers", "0"), // a record; every third has no value
            Map.entry("codec", "none"), // none, gzip, snappy, lz4, zstd
            Map.entry("batch_bytes", "16384"),
            Map.entry("transaction", "0"), // records a transaction; 0: no transactions
            Map.entry("abort_every", "0"), // N: every Nth transaction is written and then aborted
            Map.entry("seed", "1"));

    public static void main(String[] args) throws Exception {
        Properties properties = Options.properties(args[0]);
        Options options = new Options(Arrays.asList(args).subList(1, args.length), DEFAULTS);
        createTopic(properties, options);
        boolean transactional = options.number("transaction") > 0;
        properties.put(ProducerConfig.KEY_SERIALIZER_CLASS_CONFIG, ByteArraySerializer.class);
        properties.put(ProducerConfig.VALUE_SERIALIZER_CLASS_CONFIG, ByteArraySerializer.class);
        properties.put(ProducerConfig.COMPRESSION_TYPE_CONFIG, options.text("codec"));
        properties.put(ProducerConfig.BATCH_SIZE_CONFIG, options.text("batch_bytes"));
        properties.put(ProducerConfig.LINGER_MS_CONFIG, "50");
        if (transactional) {
            properties.put(ProducerConfig.TRANSACTIONAL_ID_CONFIG, "lab-" + options.text("topic"));
        }
        Tally tally = new Tally();
        try (KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(properties)) {
            if (transactional) {
                writeTransactions(producer, options, tally);
            } else {
                write(producer, options, 0, options.number("count"), tally);
            }
        }
        if (!tally.knowsOffsets()) {
            // A batch that was sent twice is acknowledged without its offsets: they are read back. That
            // gives the records of earlier runs too, where the topic has any.
            System.err.println("acknowledged without offsets; reading the topic back");
            tally = Consume.read(Options.properties(args[0]), options.text("topic"), "read_committed", 60);
        }
        System.out.println(tally.json());
    }

    private static void createTopic(Properties properties, Options options) throws Exception {
        NewTopic topic = new NewTopic(
                options.text("topic"),
                Optional.of(options.number("partitions")),
                Optional.of((short) options.number("replicas")));
        try (var admin = org.apache.kafka.clients.admin.Admin.create(properties)) {
            admin.createTopics(List.of(topic)).all().get();
        } catch (ExecutionException e) {
            if (!(e.getCause() instanceof TopicExistsException)) {
                throw e;
            }
        }
    }

    private static void writeTransactions(KafkaProducer<byte[], byte[]> producer, Options options, Tally tally)
            throws Exception {
        producer.initTransactions();
        int size = options.number("transaction");
        int abortEvery = options.number("abort_every");
        int number = 1;
        for (int from = 0; from < options.number("count"); from += size, number++) {
            Tally mine = new Tally();
            producer.beginTransaction();
            write(producer, options, from, Math.min(from + size, options.number("count")), mine);
            if (abortEvery > 0 && number % abortEvery == 0) {
                producer.abortTransaction();
            } else {
                producer.commitTransaction();
                tally.add(mine);
            }
        }
    }

    /** Writes records [from, to) and waits for all of them. */
    private static void write(KafkaProducer<byte[], byte[]> producer, Options options, int from, int to, Tally tally)
            throws Exception {
        AtomicReference<Exception> failure = new AtomicReference<>();
        SplittableRandom random = new SplittableRandom(options.number("seed") + 31L * from);
        String topic = options.text("topic");
        int partitions = options.number("partitions");
        int keyBytes = options.number("key_bytes");
        int valueBytes = options.number("value_bytes");
        int nullEvery = options.number("null_value_every");
        // The latest timestamp is now: a broker refuses those from the future.
        long firstTimestamp = System.currentTimeMillis() - options.number("count");
        for (int i = from; i < to; i++) {
            byte[] key = keyBytes == 0 ? null : text(random, keyBytes);
            byte[] value = nullEvery > 0 && i % nullEvery == 0 ? null : text(random, valueBytes);
            var headers = new RecordHeaders();
            for (int h = 0; h < options.number("headers"); h++) {
                headers.add("header-" + h, h % 3 == 2 ? null : ("v" + i).getBytes(StandardCharsets.UTF_8));
            }
            var record = new ProducerRecord<>(topic, i % partitions, firstTimestamp + i, key, value, headers);
            producer.send(record, (metadata, error) -> {
                if (error != null) {
                    failure.set(error);
                } else {
                    tally.add(topic, metadata.partition(), metadata.offset(), metadata.timestamp(), key, value, headers);
                }
            });
        }
        producer.flush();
        if (failure.get() != null) {
            throw failure.get();
        }
    }

    /** Hex digits: they compress to about a half. */
    private static byte[] text(SplittableRandom random, int length) {
        byte[] bytes = new byte[length];
        long bits = 0;
        for (int i = 0; i < length; i++, bits >>>= 4) {
            bits = i % 16 == 0 ? random.nextLong() : bits;
            bytes[i] = (byte) "0123456789abcdef".charAt((int) (bits & 15));
        }
        return bytes;
    }
}
