import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import org.apache.kafka.clients.producer.internals.BuiltInPartitioner;

/**
 * Prints the partition that Java's producer chooses for each key.
 * Arguments: a file with a key in hex on each line, and the number of partitions.
 */
public final class Partitions {
    public static void main(String[] args) throws Exception {
        int partitions = Integer.parseInt(args[1]);
        StringBuilder answer = new StringBuilder();
        for (String line : Files.readAllLines(Path.of(args[0]))) {
            byte[] key = HexFormat.of().parseHex(line);
            answer.append(BuiltInPartitioner.partitionForKey(key, partitions)).append('\n');
        }
        System.out.print(answer);
    }
}
