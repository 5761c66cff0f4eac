package io.ferryman.agent;

import io.ferryman.GatewayException;
import io.ferryman.http.HttpSender;
import io.ferryman.http.Log;
import io.ferryman.http.Platform;
import io.ferryman.http.RetryPolicy;
import io.ferryman.json.JsonObject;
import io.ferryman.transfer.PartMemory;
import io.ferryman.transfer.Senders;
import io.ferryman.transfer.Transfer;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;

/** Claims transfers and calls the listener for each; it connects outwards only. */
final class Agent {
    private static final double WAIT_SECONDS = 25;

    private final Options options;
    private final LoadedListener listener;
    private final Set<String> keys;
    private final HttpSender sender;
    private final Platform platform;
    private final PartMemory memory = new PartMemory();
    private final Senders senders = new Senders();
    private final Semaphore slots;
    private final ListenerCall call;
    private final Map<String, Thread> running = new ConcurrentHashMap<>();
    private final Map<String, Transfer> transfers = new ConcurrentHashMap<>();
    private final Set<String> idle = ConcurrentHashMap.newKeySet();
    private volatile ListenerCall.Outcome last;
    private volatile boolean stopping;
    private volatile boolean cut;
    private boolean unreachable;

    Agent(Options options, LoadedListener listener, Set<String> keys, HttpSender sender) {
        this.options = options;
        this.listener = listener;
        this.keys = keys;
        this.sender = sender;
        this.platform = new Platform(sender, options.url, options.token, 0);
        this.slots = new Semaphore(options.concurrency);
        this.call = new ListenerCall(listener, new Heartbeats(), options.idle, () -> cut);
        platform.onRetry(this::noteUnreachable);
    }

    /** Takes transfers until the process ends, or one; returns whether the last one succeeded. */
    boolean run() throws InterruptedException {
        Log.info("agent.started agentId=%s keys=%s", options.agentId, String.join(",", keys));
        listener.noteUnused();
        boolean done = false;
        while (!done && !stopping) {
            slots.acquire();
            Claimed claimed = claim();
            if (claimed == null || stopping) {
                // Unconfirmed, it is offered again within seconds.
                slots.release();
                continue;
            }
            Thread thread = start(claimed);
            if (options.once) {
                thread.join();
                done = last != ListenerCall.Outcome.CALLED_AGAIN;
            }
        }
        return last != ListenerCall.Outcome.FAILED && last != ListenerCall.Outcome.CALLED_AGAIN;
    }

    private Thread start(Claimed claimed) {
        Thread thread = new Thread(() -> listen(claimed), "transfer-" + claimed.transferId);
        thread.setDaemon(true);
        running.put(claimed.transferId, thread);
        thread.start();
        return thread;
    }

    private void listen(Claimed claimed) {
        Platform own = new Platform(sender, options.url, options.token, claimed.claims);
        Transfer transfer = new Transfer(own, claimed.transferId, memory, senders);
        transfers.put(claimed.transferId, transfer);
        try {
            last = call.run(claimed, transfer);
            if (last == ListenerCall.Outcome.IDLE) {
                // Unnamed, its transfer would be handed out again at once.
                idle.add(claimed.transferId);
            }
        } finally {
            transfers.remove(claimed.transferId);
            running.remove(claimed.transferId);
            slots.release();
        }
    }

    private Claimed claim() {
        List<String> busy = new ArrayList<>(running.keySet());
        busy.addAll(idle);
        Map<String, Object> request = new LinkedHashMap<>();
        request.put("serverAppKeys", keys);
        request.put("agentId", options.agentId);
        request.put("running", busy);
        request.put("serverAppVersion", options.appVersion);
        request.put("waitSeconds", WAIT_SECONDS);
        request.put("accessScopes", listener.scopes());
        request.put("transferDefinitions", listener.definitions());
        JsonObject answer =
                platform.call(
                        "POST",
                        "/server/v1/listeners/claim",
                        null,
                        request,
                        RetryPolicy.FOREVER,
                        WAIT_SECONDS + 15);
        if (unreachable) {
            unreachable = false;
            Log.info("platform.reached url=%s", options.url);
        }
        JsonObject transfer = answer.object("transfer");
        return transfer == null ? null : new Claimed(transfer);
    }

    private void noteUnreachable(String reason) {
        if (!unreachable) {
            unreachable = true;
            Log.warn(
                    "platform.unreachable url=%s reason=\"%s\", trying again until it is back",
                    options.url, reason);
        }
    }

    /** Takes no more transfers, gives listeners their time, then cuts them off. */
    void stop() {
        stopping = true;
        Log.info("agent.stopping running=%d graceSeconds=%d", running.size(), options.grace);
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(options.grace);
        try {
            for (Thread each : running.values()) {
                each.join(Math.max(1, (deadline - System.nanoTime()) / 1_000_000));
            }
        } catch (InterruptedException hurried) {
            Thread.currentThread().interrupt();
        }
        cut = true;
        GatewayException stopped =
                new GatewayException(0, "agent_stopped", "the agent was stopped meanwhile");
        transfers.values().forEach(each -> each.cut(stopped));
        platform.cut(stopped);
        Log.info("agent.stopped agentId=%s", options.agentId);
    }
}
