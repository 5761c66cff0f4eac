package tests;

import static tests.Checks.said;

import com.atlassian.migration.app.ContainerType;
import com.atlassian.migration.app.PaginatedContainers;
import com.atlassian.migration.app.PaginatedMapping;
import io.ferryman.AppData;
import io.ferryman.AppDataReceipt;
import io.ferryman.Gateway;
import io.ferryman.GatewayException;
import java.io.IOException;
import java.util.Arrays;
import java.util.List;

/** A program that uses {@link Gateway} alone: URL TOKEN TRANSFER, and those of a Connect app. */
final class Program {
    private Program() {}

    public static void main(String[] arguments) throws IOException {
        try (Gateway gateway = new Gateway(arguments[0], arguments[1], arguments[2])) {
            said("Gateway.new", "made");
            said("Gateway.getTransferId", gateway.getTransferId());
            files(gateway);
            reads(gateway);
            refusals(gateway);
            gateway.completeExport();
            said("Gateway.completeExport", "done");
        }
        Gateway connect = new Gateway(arguments[0], arguments[3], arguments[4]);
        said("Gateway.getCloudFeedbackIfPresent", connect.getCloudFeedbackIfPresent());
        AppData open = connect.createAppData("open");
        connect.close();
        said("Gateway.close", thrown(() -> connect.getCloudFeedbackIfPresent()).getMessage());
        said("AppData.close", thrown(open::close).getMessage());
        Checks.write();
    }

    private static void files(Gateway gateway) throws IOException {
        AppData large = gateway.createAppData("large");
        byte[] bytes = Base.bytes(7, 20 << 20);
        large.write(bytes[0]);
        large.write(bytes, 1, 9 << 20);
        large.write(Arrays.copyOfRange(bytes, (9 << 20) + 1, bytes.length));
        large.flush();
        said("AppData.write", "20 MiB");
        said("AppData.getReceipt", large.getReceipt());
        large.close();
        large.close();
        AppDataReceipt receipt = large.getReceipt();
        said("AppDataReceipt.getKey", receipt.getKey());
        said("AppDataReceipt.getLabel", receipt.getLabel());
        said("AppDataReceipt.getSize", receipt.getSize());
        said("AppDataReceipt.getMessageId", receipt.getMessageId());
        try (AppData small = gateway.createAppData()) {
            small.write(1);
        }
        said("Gateway.createAppData", "written");
        AppData small = gateway.createAppData("small");
        small.close();
        said("AppDataReceipt.getSha256", small.getReceipt().getSha256());
        AppDataReceipt made = new AppDataReceipt("key", null, 1, null, "message");
        said("AppDataReceipt.new", made.getLabel() + " " + made.getSha256());
        AppData given = gateway.createAppData("given up");
        given.write(new byte[1 << 20]);
        given.abandon();
        said("AppData.abandon", given.getReceipt());
    }

    private static void reads(Gateway gateway) {
        said("Gateway.getMappingById", gateway.getMappingById("jira:issue", List.of("1", "x")));
        PaginatedMapping mappings = gateway.getPaginatedMapping("jira:issue", 5000);
        said("Gateway.getPaginatedMapping", mappings.next() + " " + mappings.getMapping().size());
        PaginatedContainers sites = gateway.getPaginatedContainers(ContainerType.Site, 1);
        said("Gateway.getPaginatedContainers", sites.next());
    }

    private static void refusals(Gateway gateway) {
        AppData open = gateway.createAppData("unfinished");
        GatewayException refused = thrown(gateway::completeExport);
        open.abandon();
        said("GatewayException.getStatus", refused.getStatus());
        said("GatewayException.getCode", refused.getCode());
        said("GatewayException.is", refused.is("export_incomplete"));
        said("GatewayException.isUnanswered", refused.isUnanswered());
        said("GatewayException.isSettled", refused.isSettled());
        said("GatewayException.new", new GatewayException(503, null, "made").isUnanswered());
    }

    /** What may throw. */
    private interface Call {
        void run() throws IOException;
    }

    private static GatewayException thrown(Call call) {
        try {
            call.run();
        } catch (GatewayException refused) {
            return refused;
        } catch (IOException failed) {
            return new GatewayException(0, null, failed.getMessage());
        }
        throw new IllegalStateException("expected a refusal");
    }
}
