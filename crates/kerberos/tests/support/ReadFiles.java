// Prints what the JDK reads of a keytab and of a ticket cache.
// Arguments: keytab, principal of the keytab, ticket cache.
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import javax.security.auth.Subject;
import javax.security.auth.kerberos.KerberosKey;
import javax.security.auth.kerberos.KerberosPrincipal;
import javax.security.auth.kerberos.KerberosTicket;
import javax.security.auth.kerberos.KeyTab;
import javax.security.auth.login.AppConfigurationEntry;
import javax.security.auth.login.Configuration;
import javax.security.auth.login.LoginContext;

public class ReadFiles {
    public static void main(String[] arguments) throws Exception {
        KeyTab keytab = KeyTab.getUnboundInstance(new java.io.File(arguments[0]));
        List<String> lines = new ArrayList<>();
        for (KerberosKey key : keytab.getKeys(new KerberosPrincipal(arguments[1]))) {
            lines.add("key " + key.getVersionNumber() + " " + key.getKeyType() + " " + hex(key.getEncoded()));
        }
        Collections.sort(lines);
        Subject subject = new Subject();
        new LoginContext("cache", subject, null, new Configuration() {
            @Override
            public AppConfigurationEntry[] getAppConfigurationEntry(String name) {
                return new AppConfigurationEntry[] {new AppConfigurationEntry(
                    "com.sun.security.auth.module.Krb5LoginModule",
                    AppConfigurationEntry.LoginModuleControlFlag.REQUIRED,
                    Map.of("useTicketCache", "true", "ticketCache", arguments[2], "doNotPrompt", "true"))};
            }
        }).login();
        for (KerberosTicket ticket : subject.getPrivateCredentials(KerberosTicket.class)) {
            lines.add("ticket " + ticket.getClient() + " " + ticket.getServer() + " "
                + ticket.getSessionKeyType() + " " + ticket.getEndTime().getTime() / 1000 + " "
                + hex(ticket.getSessionKey().getEncoded()));
        }
        lines.forEach(System.out::println);
    }

    private static String hex(byte[] bytes) {
        return java.util.HexFormat.of().formatHex(bytes);
    }
}
