package io.ferryman.agent;

import io.ferryman.GatewayException;
import io.ferryman.http.Log;
import io.ferryman.http.RetryPolicy;
import io.ferryman.transfer.Transfer;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;

/** Reports that listeners run, so that no other agent gets their transfers. */
final class Heartbeats {
    /** Between two reports; the platform waits for two minutes. */
    private static final long SECONDS = 20;

    private final ScheduledExecutorService timer =
            Executors.newScheduledThreadPool(
                    2,
                    run -> {
                        Thread thread = new Thread(run, "ferryman-heartbeat");
                        thread.setDaemon(true);
                        return thread;
                    });

    /** Confirms a claim, then reports every 20 seconds until the result is cancelled. */
    Future<?> start(Transfer transfer) {
        transfer.calls.heartbeat(new RetryPolicy(120, 10));
        return timer.scheduleWithFixedDelay(
                () -> beat(transfer), SECONDS, SECONDS, TimeUnit.SECONDS);
    }

    private static void beat(Transfer transfer) {
        try {
            transfer.calls.heartbeat(RetryPolicy.NEVER);
        } catch (GatewayException refused) {
            if (refused.is("claim_superseded")) {
                Log.warn("claim.superseded transferId=%s", transfer.id);
                transfer.cut(refused);
            } else if (!refused.isSettled() && !refused.is("agent_stopped")) {
                Log.warn("heartbeat.failed transferId=%s %s", transfer.id, refused.getMessage());
            }
        }
    }
}
