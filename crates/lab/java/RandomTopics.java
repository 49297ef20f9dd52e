import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewPartitionReassignment;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.ElectionType;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.OffsetOutOfRangeException;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Topics that have been through something: codecs, transactions and producers mixed, tombstones, compaction, deleted
 * records, leaders that moved, a topic made anew under its name. What is chosen follows from the seed; how records
 * are batched, and how far compaction gets, does not.
 */
final class RandomTopics {
    private static final List<String> CODECS = List.of("none", "gzip", "snappy", "lz4", "zstd");
    private static final int ROUNDS = 6;
    private static final Duration LONGEST_BIRTH = Duration.ofSeconds(30);

    /** What a topic is like. */
    private record Kind(
            String name, int partitions, int replicas, boolean compacts, boolean deletes, boolean anew, boolean open,
            boolean moves, boolean empty, int keys, int largest) {}

    private final Properties properties;
    private final long seed;
    /** On which brokers each partition is; none: the controller chooses. The last in sync may be lost. */
    private final List<Integer> brokers;
    private Random random;
    private final List<Kind> kinds = new ArrayList<>();
    private final Map<String, Map<String, String>> configs = new HashMap<>();
    private final ConcurrentLinkedQueue<Exception> failures = new ConcurrentLinkedQueue<>();
    private final long now = System.currentTimeMillis();

    RandomTopics(Properties properties, long seed, int topics, List<Integer> brokers) {
        this.properties = properties;
        this.seed = seed;
        this.brokers = brokers;
        this.random = new Random(seed);
        for (int number = 0; number < topics; number++) {
            kinds.add(kind(prefix(seed) + number));
        }
    }

    static String prefix(long seed) {
        return "differential-" + seed + "-";
    }

    private boolean chance(int percent) {
        return random.nextInt(100) < percent;
    }

    private Kind kind(String name) {
        Map<String, String> config = new HashMap<>(Map.of("retention.ms", "-1"));
        boolean compacts = chance(45);
        boolean deletes = chance(compacts ? 15 : 40);
        if (compacts) {
            config.put("cleanup.policy", deletes ? "compact,delete" : "compact");
            config.put("min.cleanable.dirty.ratio", "0");
            config.put("min.compaction.lag.ms", "0");
            config.put("delete.retention.ms", chance(70) ? "0" : "86400000");
        }
        if (compacts || chance(30)) {
            config.put("segment.ms", "1000"); // by the timestamps of records: each round begins a segment
        }
        if (chance(15)) {
            config.put("message.timestamp.type", "LogAppendTime");
        }
        if (chance(10)) {
            config.put("compression.type", CODECS.get(1 + random.nextInt(4)).replace("none", "gzip"));
        }
        if (!brokers.isEmpty()) {
            config.put("unclean.leader.election.enable", "true");
        }
        configs.put(name, config);
        int replicas = chance(20) ? 2 : 1;
        return new Kind(name, 1 + random.nextInt(3), replicas, compacts, deletes, chance(10), chance(12),
                replicas > 1 && chance(70), chance(3), 1 + random.nextInt(30), chance(10) ? 60_000 : 300);
    }

    void write() throws Exception {
        try (Admin admin = Admin.create(properties)) {
            short replicas = (short) Math.min(2, admin.describeCluster().nodes().get().size());
            makeAndDelete(admin, replicas);
            create(admin, kinds, replicas);
            List<KafkaProducer<byte[], byte[]>> plain = producers(false);
            List<KafkaProducer<byte[], byte[]>> transactional = producers(true);
            KafkaProducer<byte[], byte[]> open = producer("zstd", prefix(seed) + "open");
            open.initTransactions();
            for (int round = 0; round < ROUNDS; round++) {
                if (round == ROUNDS / 2) {
                    open.beginTransaction();
                }
                round(round, plain, transactional, round >= ROUNDS / 2 ? open : null);
                if (round % 2 == 1) {
                    deleteRecords(admin);
                    moveLeaders(admin);
                }
            }
            open.flush();
            check();
            plain.forEach(KafkaProducer::close);
            transactional.forEach(KafkaProducer::close);
        }
    }

    /** Writes more to topics that are there: two rounds of a stage, 1 or later, which never write the same. */
    void writeMore(int stage) throws Exception {
        random = new Random(seed + ((long) stage << 32));
        List<KafkaProducer<byte[], byte[]>> plain = producers(false);
        List<KafkaProducer<byte[], byte[]>> transactional = producers(true);
        for (int round = 0; round < 2; round++) {
            round(ROUNDS + 2 * stage + round, plain, transactional, null);
        }
        plain.forEach(KafkaProducer::close);
        transactional.forEach(KafkaProducer::close);
    }

    /** One for each codec. */
    private List<KafkaProducer<byte[], byte[]>> producers(boolean transactional) {
        List<KafkaProducer<byte[], byte[]>> all =
                CODECS.stream().map(codec -> producer(codec, transactional ? prefix(seed) + codec : "")).toList();
        if (transactional) {
            all.forEach(KafkaProducer::initTransactions);
        }
        return all;
    }

    /** What counts is what is in the logs: a few records may be refused, as where the state of a producer was deleted. */
    private void check() {
        if (failures.size() > 100) {
            throw new IllegalStateException(failures.size() + " records could not be written", failures.peek());
        }
    }

    /** First lives of some topics. */
    private void makeAndDelete(Admin admin, short replicas) throws Exception {
        List<Kind> anew = kinds.stream().filter(Kind::anew).toList();
        create(admin, anew, replicas);
        try (KafkaProducer<byte[], byte[]> producer = producer("none", "")) {
            for (Kind kind : anew) {
                chunk(producer, kind, 0);
            }
        }
        check();
        admin.deleteTopics(anew.stream().map(Kind::name).toList()).all().get();
    }

    private void create(Admin admin, List<Kind> kinds, short replicas) throws Exception {
        List<NewTopic> topics = kinds.stream()
                .map(kind -> topic(kind, replicas).configs(configs.get(kind.name())))
                .toList();
        admin.createTopics(topics).all().get();
        Map<TopicPartition, OffsetSpec> ends = new HashMap<>();
        partitions(kinds).forEach(partition -> ends.put(partition, OffsetSpec.latest()));
        long deadline = System.nanoTime() + LONGEST_BIRTH.toNanos();
        while (true) {
            try {
                admin.listOffsets(ends).all().get(); // all are led, and whoever was asked knows of it
                return;
            } catch (ExecutionException e) {
                if (!(e.getCause() instanceof RetriableException) || System.nanoTime() > deadline) {
                    throw e;
                }
                Thread.sleep(100);
            }
        }
    }

    private NewTopic topic(Kind kind, short replicas) {
        if (brokers.isEmpty()) {
            short most = (short) Math.min(kind.replicas(), replicas);
            return new NewTopic(kind.name(), Optional.of(kind.partitions()), Optional.of(most));
        }
        Map<Integer, List<Integer>> placed = new HashMap<>();
        for (int number = 0; number < kind.partitions(); number++) {
            placed.put(number, brokers);
        }
        return new NewTopic(kind.name(), placed);
    }

    private static List<TopicPartition> partitions(Collection<Kind> kinds) {
        List<TopicPartition> partitions = new ArrayList<>();
        for (Kind kind : kinds) {
            for (int number = 0; number < kind.partitions(); number++) {
                partitions.add(new TopicPartition(kind.name(), number));
            }
        }
        return partitions;
    }

    private KafkaProducer<byte[], byte[]> producer(String codec, String transaction) {
        Properties more = new Properties();
        more.putAll(properties);
        more.put(ProducerConfig.KEY_SERIALIZER_CLASS_CONFIG, ByteArraySerializer.class);
        more.put(ProducerConfig.VALUE_SERIALIZER_CLASS_CONFIG, ByteArraySerializer.class);
        more.put(ProducerConfig.COMPRESSION_TYPE_CONFIG, codec);
        more.put(ProducerConfig.BATCH_SIZE_CONFIG, List.of(300, 2_000, 16_384, 100_000).get(random.nextInt(4)));
        more.put(ProducerConfig.LINGER_MS_CONFIG, "100");
        if (!transaction.isEmpty()) {
            more.put(ProducerConfig.TRANSACTIONAL_ID_CONFIG, transaction);
            more.put(ProducerConfig.TRANSACTION_TIMEOUT_CONFIG, "900000");
        }
        return new KafkaProducer<>(more);
    }

    /** All producers write to the topics in turn, so that their batches mix; then each transaction ends. */
    private void round(int round, List<KafkaProducer<byte[], byte[]>> plain,
            List<KafkaProducer<byte[], byte[]>> transactional, KafkaProducer<byte[], byte[]> open) throws Exception {
        transactional.forEach(KafkaProducer::beginTransaction);
        List<Kind> turns = new ArrayList<>();
        kinds.stream().filter(kind -> !kind.empty()).forEach(kind -> turns.addAll(Collections.nCopies(3, kind)));
        Collections.shuffle(turns, random);
        for (Kind kind : turns) {
            List<KafkaProducer<byte[], byte[]>> all = chance(50) ? plain : transactional;
            KafkaProducer<byte[], byte[]> one = all.get(random.nextInt(all.size()));
            chunk(open != null && kind.open() && chance(50) ? open : one, kind, round);
        }
        plain.forEach(KafkaProducer::flush);
        for (KafkaProducer<byte[], byte[]> producer : transactional) {
            producer.flush();
            end(producer, chance(40));
        }
        check();
    }

    /** A transaction that lost a record can only be aborted. */
    private void end(KafkaProducer<byte[], byte[]> producer, boolean abort) {
        if (!abort) {
            try {
                producer.commitTransaction();
                return;
            } catch (KafkaException e) {
                failures.add(e);
            }
        }
        producer.abortTransaction();
    }

    private void chunk(KafkaProducer<byte[], byte[]> producer, Kind kind, int round) {
        int count = chance(10) ? 1 + random.nextInt(60) : 1 + random.nextInt(8);
        for (int i = 0; i < count; i++) {
            byte[] key = kind.compacts() || chance(60)
                    ? ("key-" + random.nextInt(kind.keys())).getBytes(StandardCharsets.UTF_8) : null;
            byte[] value = chance(15) ? null : text(random.nextInt(chance(5) ? kind.largest() : 100));
            var headers = new RecordHeaders();
            for (int h = random.nextInt(4) - 1; h > 0; h--) {
                headers.add("h" + random.nextInt(3), chance(30) ? null : text(random.nextInt(10)));
            }
            long timestamp = now - 3_600_000 + round * 60_000L + random.nextInt(500);
            int partition = random.nextInt(kind.partitions());
            producer.send(new ProducerRecord<>(kind.name(), partition, timestamp, key, value, headers), (done, error) -> {
                if (error != null) {
                    failures.add(error);
                }
            });
        }
    }

    private byte[] text(int length) {
        byte[] bytes = new byte[length];
        for (int i = 0; i < length; i++) {
            bytes[i] = (byte) ('a' + random.nextInt(16));
        }
        return bytes;
    }

    private void deleteRecords(Admin admin) throws Exception {
        List<TopicPartition> some = partitions(kinds.stream().filter(Kind::deletes).toList());
        Map<TopicPartition, OffsetSpec> asked = new HashMap<>();
        some.stream().filter(partition -> chance(50)).forEach(partition -> asked.put(partition, OffsetSpec.latest()));
        Map<TopicPartition, RecordsToDelete> deleted = new HashMap<>();
        for (var end : admin.listOffsets(asked).all().get().entrySet()) {
            long offset = end.getValue().offset();
            // Now and then all of them.
            long before = chance(10) ? offset : random.nextLong(offset / 2 + 1);
            deleted.put(end.getKey(), RecordsToDelete.beforeOffset(before));
        }
        for (var outcome : admin.deleteRecords(deleted).lowWatermarks().entrySet()) {
            try {
                outcome.getValue().get();
            } catch (ExecutionException e) {
                if (!(e.getCause() instanceof OffsetOutOfRangeException)) {
                    throw e; // out of range: more is gone already
                }
            }
        }
    }

    /** The other replica becomes the preferred one, and leads: a new leader epoch begins. */
    private void moveLeaders(Admin admin) throws Exception {
        Set<String> names = new HashSet<>(kinds.stream().filter(Kind::moves).map(Kind::name).toList());
        Map<TopicPartition, Optional<NewPartitionReassignment>> turned = new HashMap<>();
        for (TopicDescription topic : admin.describeTopics(names).allTopicNames().get().values()) {
            topic.partitions().stream().filter(info -> info.replicas().size() > 1).forEach(info -> {
                List<Integer> ids = new ArrayList<>(info.replicas().stream().map(node -> node.id()).toList());
                Collections.reverse(ids);
                turned.put(new TopicPartition(topic.name(), info.partition()),
                        Optional.of(new NewPartitionReassignment(ids)));
            });
        }
        admin.alterPartitionReassignments(turned).all().get();
        admin.electLeaders(ElectionType.PREFERRED, turned.keySet()).partitions().get();
    }
}
