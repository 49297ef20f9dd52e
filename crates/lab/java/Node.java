import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.lang.management.ManagementFactory;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import javax.management.JMException;
import javax.management.MBeanServer;
import javax.management.ObjectName;
import org.apache.kafka.common.utils.AppInfoParser;

/**
 * A Kafka node that answers questions about its metrics on a loopback port of its own.
 * Arguments: server.properties, and the file that receives the port. A question is one line,
 * OBJECT_NAME_PATTERN/ATTRIBUTE; the answer is one line, the sum over the beans that have it.
 */
public final class Node {
    public static void main(String[] args) throws Exception {
        ServerSocket questions = new ServerSocket(0, 16, InetAddress.getLoopbackAddress());
        Path part = Path.of(args[1] + ".part");
        Files.writeString(part, Integer.toString(questions.getLocalPort()));
        Files.move(part, Path.of(args[1]), StandardCopyOption.ATOMIC_MOVE);
        Thread thread = new Thread(() -> answer(questions), "lab-metrics");
        thread.setDaemon(true);
        thread.start();
        if (Boolean.getBoolean("lab.ends-with-input")) {
            Thread end = new Thread(Node::endWithInput, "lab-end");
            end.setDaemon(true);
            end.start();
        }
        System.err.println("Kafka version: " + AppInfoParser.getVersion());
        kafka.Kafka.main(new String[] {args[0]});
    }

    /** A node in a container is no child of the lab: the pipe to it is what ties the two together. */
    private static void endWithInput() {
        try {
            while (System.in.read() >= 0) {
                continue; // nobody writes
            }
        } catch (IOException e) {
            System.err.println("lab-end: " + e);
        }
        Runtime.getRuntime().halt(1);
    }

    private static void answer(ServerSocket questions) {
        while (true) {
            try (Socket socket = questions.accept()) {
                socket.setSoTimeout(5_000);
                var in = new BufferedReader(new InputStreamReader(socket.getInputStream(), StandardCharsets.UTF_8));
                String question = in.readLine();
                String line = question == null ? "" : sum(question) + "\n";
                socket.getOutputStream().write(line.getBytes(StandardCharsets.UTF_8));
            } catch (IOException | JMException | RuntimeException e) {
                System.err.println("lab-metrics: " + e);
            }
        }
    }

    private static double sum(String question) throws JMException {
        int slash = question.lastIndexOf('/');
        MBeanServer beans = ManagementFactory.getPlatformMBeanServer();
        double sum = 0;
        for (ObjectName name : beans.queryNames(new ObjectName(question.substring(0, slash)), null)) {
            try {
                if (beans.getAttribute(name, question.substring(slash + 1)) instanceof Number value) {
                    sum += value.doubleValue();
                }
            } catch (JMException e) {
                continue; // a bean of another kind, or one that has just gone
            }
        }
        return sum;
    }
}
