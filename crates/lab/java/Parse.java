import java.io.StringReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import javax.security.auth.login.AppConfigurationEntry;
import org.apache.kafka.common.config.SaslConfigs;
import org.apache.kafka.common.config.types.Password;
import org.apache.kafka.common.security.JaasContext;

/**
 * Reads texts as Java and Kafka read them. The argument is a file with one text a line in base64, after `properties `
 * or `jaas `. One line answers each: `ok`, for JAAS the login module, then keys and values in the order of the keys, or
 * `error`; all words but the first are base64 of UTF-16, which has every Java string.
 */
public final class Parse {
    public static void main(String[] args) throws Exception {
        StringBuilder answers = new StringBuilder();
        for (String line : Files.readAllLines(Path.of(args[0]), StandardCharsets.US_ASCII)) {
            int space = line.indexOf(' ');
            String text = new String(Base64.getDecoder().decode(line.substring(space + 1)), StandardCharsets.UTF_8);
            answers.append(line.startsWith("jaas ") ? jaas(text) : properties(text)).append('\n');
        }
        System.out.print(answers);
    }

    private static String properties(String text) throws Exception {
        Properties properties = new Properties();
        try {
            properties.load(new StringReader(text));
        } catch (IllegalArgumentException malformedEscape) {
            return "error";
        }
        return "ok" + entries(properties);
    }

    private static String jaas(String text) {
        try {
            JaasContext context =
                    JaasContext.loadClientContext(Map.of(SaslConfigs.SASL_JAAS_CONFIG, new Password(text)));
            AppConfigurationEntry entry = context.configurationEntries().get(0);
            return "ok" + word(entry.getLoginModuleName()) + entries(entry.getOptions());
        } catch (RuntimeException refused) {
            return "error";
        }
    }

    private static String entries(Map<?, ?> map) {
        TreeMap<String, String> sorted = new TreeMap<>();
        map.forEach((key, value) -> sorted.put((String) key, (String) value));
        StringBuilder words = new StringBuilder();
        sorted.forEach((key, value) -> words.append(word(key)).append(word(value)));
        return words.toString();
    }

    private static String word(String text) {
        return " " + Base64.getEncoder().encodeToString(text.getBytes(StandardCharsets.UTF_16BE)) + ".";
    }
}
