package io.ferryman.agent;

import io.ferryman.GatewayException;
import io.ferryman.http.HttpSender;
import io.ferryman.http.Log;
import io.ferryman.http.Network;
import java.util.LinkedHashSet;
import java.util.Set;

/** The agent as a process: {@code java -cp LISTENER.jar:ferryman-agent.jar io.ferryman.agent.Main}. */
public final class Main {
    private Main() {}

    /**
     * Runs the agent. The exit status is 1 if {@code --once} was asked for and the listener failed,
     * 2 if the agent could not start or its token is refused.
     *
     * @param arguments as {@code --help} names them
     */
    public static void main(String[] arguments) {
        Log.toStandardError();
        System.exit(run(arguments));
    }

    private static int run(String[] arguments) {
        try {
            Options options = Options.parse(arguments, System.getenv());
            if (options.help) {
                System.out.println(Options.USAGE);
                return 0;
            }
            LoadedListener listener = ListenerLoader.load(options.listener);
            if (options.exportTo != null) {
                return FolderRun.run(options, listener);
            }
            options.complete(listener);
            Set<String> keys = new LinkedHashSet<>(options.keys);
            keys.addAll(listener.keys());
            if (keys.isEmpty()) {
                throw new IllegalArgumentException(
                        "expected a server app key; found none. Give the listener "
                                + listener.name() + " a getServerAppKey(), or name it with --key");
            }
            HttpSender sender = Network.open(System.getenv(), options.ca, options.url);
            Agent agent = new Agent(options, listener, keys, sender);
            Runtime.getRuntime().addShutdownHook(new Thread(agent::stop, "ferryman-stop"));
            return agent.run() ? 0 : 1;
        } catch (IllegalArgumentException | GatewayException failure) {
            System.err.println("ferryman agent: " + failure.getMessage());
            return 2;
        } catch (InterruptedException stopped) {
            return 1;
        }
    }
}
