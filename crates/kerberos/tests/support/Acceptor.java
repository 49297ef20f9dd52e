import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.security.PrivilegedExceptionAction;
import java.util.HashMap;
import java.util.Map;
import javax.security.auth.Subject;
import javax.security.auth.callback.Callback;
import javax.security.auth.login.AppConfigurationEntry;
import javax.security.auth.login.Configuration;
import javax.security.auth.login.LoginContext;
import javax.security.sasl.AuthorizeCallback;
import javax.security.sasl.Sasl;
import javax.security.sasl.SaslServer;

/** The acceptor that Kafka's brokers create, behind frames of one status byte, a length and bytes. */
public class Acceptor {
    static final int CHALLENGE = 0;
    static final int DONE = 1;
    static final int REFUSED = 2;

    public static void main(String[] args) throws Exception {
        String service = args[0];
        String host = args[1];
        String keytab = args[2];
        String realm = args[3];
        Subject subject = login(service + "/" + host + "@" + realm, keytab);
        ServerSocket listener = new ServerSocket(0, 64, InetAddress.getByName("127.0.0.1"));
        System.out.println(listener.getLocalPort());
        System.out.flush();
        while (true) {
            Socket socket = listener.accept();
            new Thread(() -> {
                try (socket) {
                    serve(socket, subject, service, host);
                } catch (IOException closed) {
                    // The client went away.
                }
            }).start();
        }
    }

    static Subject login(String principal, String keytab) throws Exception {
        Map<String, String> options = new HashMap<>();
        options.put("useKeyTab", "true");
        options.put("storeKey", "true");
        options.put("isInitiator", "false");
        options.put("keyTab", keytab);
        options.put("principal", principal);
        Configuration configuration = new Configuration() {
            @Override
            public AppConfigurationEntry[] getAppConfigurationEntry(String name) {
                return new AppConfigurationEntry[] {new AppConfigurationEntry(
                    "com.sun.security.auth.module.Krb5LoginModule",
                    AppConfigurationEntry.LoginModuleControlFlag.REQUIRED,
                    options)};
            }
        };
        LoginContext context = new LoginContext("acceptor", null, null, configuration);
        context.login();
        return context.getSubject();
    }

    static void serve(Socket socket, Subject subject, String service, String host) throws IOException {
        DataInputStream in = new DataInputStream(socket.getInputStream());
        DataOutputStream out = new DataOutputStream(socket.getOutputStream());
        try {
            SaslServer server = Subject.doAs(subject, (PrivilegedExceptionAction<SaslServer>) () ->
                Sasl.createSaslServer("GSSAPI", service, host, new HashMap<>(), callbacks -> {
                    for (Callback callback : callbacks) {
                        if (callback instanceof AuthorizeCallback) {
                            AuthorizeCallback authorize = (AuthorizeCallback) callback;
                            authorize.setAuthorized(true);
                            authorize.setAuthorizedID(authorize.getAuthenticationID());
                        }
                    }
                }));
            while (!server.isComplete()) {
                byte[] token = new byte[in.readInt()];
                in.readFully(token);
                byte[] challenge = Subject.doAs(subject,
                    (PrivilegedExceptionAction<byte[]>) () -> server.evaluateResponse(token));
                if (!server.isComplete()) {
                    send(out, CHALLENGE, challenge == null ? new byte[0] : challenge);
                }
            }
            send(out, DONE, server.getAuthorizationID().getBytes(StandardCharsets.UTF_8));
        } catch (Exception refused) {
            StringBuilder text = new StringBuilder();
            for (Throwable cause = refused; cause != null; cause = cause.getCause()) {
                text.append(cause).append("; ");
            }
            send(out, REFUSED, text.toString().getBytes(StandardCharsets.UTF_8));
        }
    }

    static void send(DataOutputStream out, int status, byte[] bytes) throws IOException {
        out.writeByte(status);
        out.writeInt(bytes.length);
        out.write(bytes);
        out.flush();
    }
}
