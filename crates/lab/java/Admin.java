import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.apache.kafka.clients.admin.CreateDelegationTokenOptions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.common.ElectionType;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.acl.AccessControlEntry;
import org.apache.kafka.common.acl.AclBinding;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.acl.AclPermissionType;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.quota.ClientQuotaAlteration;
import org.apache.kafka.common.quota.ClientQuotaEntity;
import org.apache.kafka.common.resource.PatternType;
import org.apache.kafka.common.resource.ResourcePattern;
import org.apache.kafka.common.resource.ResourceType;
import org.apache.kafka.common.security.auth.KafkaPrincipal;
import org.apache.kafka.common.security.token.delegation.DelegationToken;
import org.apache.kafka.common.security.token.delegation.TokenInformation;
import org.apache.kafka.common.utils.SecurityUtils;

/** Administers a cluster. Arguments: client.properties, a subcommand and what it needs; see the switch. */
public final class Admin {
    public static void main(String[] args) throws Exception {
        String[] rest = Arrays.copyOfRange(args, 2, args.length);
        try (var admin = org.apache.kafka.clients.admin.Admin.create(Options.properties(args[0]))) {
            switch (args[1]) {
                case "create-topic" -> createTopic(admin, rest); // NAME PARTITIONS REPLICAS
                case "create-on" -> createOn(admin, rest); // NAME BROKER,BROKER.. KEY=VALUE ..: one partition, its replicas
                case "delete-topic" -> admin.deleteTopics(List.of(rest)).all().get(); // NAME ..
                case "allow" -> allow(admin, rest); // PRINCIPAL OPERATION RESOURCE_TYPE NAME (* for all)
                case "broker-config" -> brokerConfig(admin, rest); // BROKER_ID KEY
                case "quota" -> quota(admin, rest); // CLIENT_ID KEY VALUE
                case "elect-preferred" -> electPreferred(admin, rest); // TOPIC: prints how many leaders moved
                case "create-token" -> createToken(admin, rest); // owner= renewer= max_lifetime_ms=
                case "describe-tokens" -> describeTokens(admin); // no arguments: all that the caller may see
                default -> throw new IllegalArgumentException("no subcommand " + args[1]);
            }
        }
    }

    private static void createTopic(org.apache.kafka.clients.admin.Admin admin, String[] args) throws Exception {
        NewTopic topic =
                new NewTopic(args[0], Optional.of(Integer.valueOf(args[1])), Optional.of(Short.valueOf(args[2])));
        admin.createTopics(List.of(topic)).all().get();
    }

    private static void createOn(org.apache.kafka.clients.admin.Admin admin, String[] args) throws Exception {
        List<Integer> brokers = Arrays.stream(args[1].split(",")).map(Integer::valueOf).toList();
        Map<String, String> configs = Arrays.stream(args)
                .skip(2)
                .map(pair -> pair.split("=", 2))
                .collect(Collectors.toMap(pair -> pair[0], pair -> pair[1]));
        admin.createTopics(List.of(new NewTopic(args[0], Map.of(0, brokers)).configs(configs))).all().get();
    }

    private static void quota(org.apache.kafka.clients.admin.Admin admin, String[] args) throws Exception {
        var entity = new ClientQuotaEntity(Map.of(ClientQuotaEntity.CLIENT_ID, args[0]));
        var change = new ClientQuotaAlteration.Op(args[1], Double.valueOf(args[2]));
        admin.alterClientQuotas(List.of(new ClientQuotaAlteration(entity, List.of(change)))).all().get();
    }

    private static void allow(org.apache.kafka.clients.admin.Admin admin, String[] args) throws Exception {
        var resource = new ResourcePattern(ResourceType.fromString(args[2]), args[3], PatternType.LITERAL);
        var entry = new AccessControlEntry(args[0], "*", AclOperation.fromString(args[1]), AclPermissionType.ALLOW);
        admin.createAcls(List.of(new AclBinding(resource, entry))).all().get();
    }

    private static void brokerConfig(org.apache.kafka.clients.admin.Admin admin, String[] args) throws Exception {
        var resource = new ConfigResource(ConfigResource.Type.BROKER, args[0]);
        System.out.println(admin.describeConfigs(List.of(resource)).all().get().get(resource).get(args[1]).value());
    }

    private static void electPreferred(org.apache.kafka.clients.admin.Admin admin, String[] args) throws Exception {
        int partitions =
                admin.describeTopics(List.of(args[0])).allTopicNames().get().get(args[0]).partitions().size();
        var all = IntStream.range(0, partitions).mapToObj(number -> new TopicPartition(args[0], number));
        var outcomes = admin.electLeaders(ElectionType.PREFERRED, all.collect(Collectors.toSet())).partitions().get();
        System.out.println(outcomes.values().stream().filter(Optional::isEmpty).count());
    }

    private static void createToken(org.apache.kafka.clients.admin.Admin admin, String[] args) throws Exception {
        Options given = new Options(List.of(args), Map.of("owner", "", "renewer", "", "max_lifetime_ms", "-1"));
        var options = createOptions(Long.parseLong(given.text("max_lifetime_ms")));
        if (!given.text("owner").isEmpty()) {
            options.owner(principal(given.text("owner")));
        }
        if (!given.text("renewer").isEmpty()) {
            options.renewers(List.of(principal(given.text("renewer"))));
        }
        System.out.println(json(admin.createDelegationToken(options).delegationToken().get()));
    }

    @SuppressWarnings("deprecation") // Kafka 3 has no other spelling
    private static CreateDelegationTokenOptions createOptions(long maxLifetimeMs) {
        return new CreateDelegationTokenOptions().maxlifeTimeMs(maxLifetimeMs);
    }

    private static void describeTokens(org.apache.kafka.clients.admin.Admin admin) throws Exception {
        for (DelegationToken token : admin.describeDelegationToken().delegationTokens().get()) {
            System.out.println(json(token));
        }
    }

    private static KafkaPrincipal principal(String text) {
        return SecurityUtils.parseKafkaPrincipal(text);
    }

    private static String json(DelegationToken token) {
        TokenInformation info = token.tokenInfo();
        return String.format(
                "{\"id\":\"%s\",\"hmac\":\"%s\",\"owner\":\"%s\",\"requester\":\"%s\","
                        + "\"issue_ms\":%d,\"expiry_ms\":%d,\"max_ms\":%d}",
                info.tokenId(),
                Base64.getEncoder().encodeToString(token.hmac()),
                info.owner(),
                info.tokenRequester(),
                info.issueTimestamp(),
                info.expiryTimestamp(),
                info.maxTimestamp());
    }
}
