package io.ferryman.agent;

import io.ferryman.GatewayException;
import io.ferryman.http.Log;
import io.ferryman.transfer.Transfer;
import java.util.Map;
import java.util.concurrent.Future;
import java.util.function.BooleanSupplier;

/** Calls the listener for one transfer, and tells the platform how it ended. */
final class ListenerCall {
    /** How a call ended. */
    enum Outcome {
        /** It returned, and the platform knows. */
        RECORDED,
        /** It returned, and the platform could not be told. */
        IDLE,
        /** It threw, or its transfer is over. */
        FAILED,
        /** It was cut short, or an upload has to start over: it is called again. */
        CALLED_AGAIN
    }

    /** Why a listener ended that did not fail: nobody needs its exception. */
    private static final Map<String, String> ENDED =
            Map.of(
                    "transfer_settled", "transfer.settled",
                    "transfer_cancelled", "transfer.cancelled",
                    "claim_superseded", "claim.superseded",
                    "upload_restarted", "upload.restarted");

    private final LoadedListener listener;
    private final Heartbeats heartbeats;
    private final long idleSeconds;
    private final BooleanSupplier stopped;

    ListenerCall(
            LoadedListener listener,
            Heartbeats heartbeats,
            long idleSeconds,
            BooleanSupplier stopped) {
        this.listener = listener;
        this.heartbeats = heartbeats;
        this.idleSeconds = idleSeconds;
        this.stopped = stopped;
    }

    Outcome run(Claimed claimed, Transfer transfer) {
        Log.info(
                "listener.called transferId=%s name=%s app=%s environment=%s migration=%s claims=%d",
                transfer.id,
                claimed.transferName,
                claimed.cloudAppKey,
                claimed.environment,
                claimed.getMigrationId(),
                claimed.claims);
        long started = System.nanoTime();
        Future<?> beating = null;
        try {
            beating = heartbeats.start(transfer);
            listener.call(claimed, transfer);
            // Its own threads may still write.
            transfer.awaitFiles(idleSeconds);
            transfer.failOpen("never closed");
            transfer.checkFinished();
        } catch (Throwable thrown) {
            return stopped.getAsBoolean() ? cutOff(transfer) : failed(claimed, transfer, thrown);
        } finally {
            if (beating != null) {
                beating.cancel(false);
            }
        }
        boolean recorded = transfer.isExported() || reportReturn(transfer);
        Log.info(
                "listener.returned transferId=%s exportCompleted=%s seconds=%.1f",
                transfer.id, transfer.isExported(), (System.nanoTime() - started) / 1e9);
        return recorded ? Outcome.RECORDED : Outcome.IDLE;
    }

    private static Outcome cutOff(Transfer transfer) {
        Log.info("listener.cut_off transferId=%s", transfer.id);
        return Outcome.CALLED_AGAIN;
    }

    private static boolean reportReturn(Transfer transfer) {
        try {
            transfer.calls.returned();
            return true;
        } catch (GatewayException refused) {
            Log.info("listener.not_recorded transferId=%s %s", transfer.id, refused.getMessage());
            return false;
        }
    }

    private static Outcome failed(Claimed claimed, Transfer transfer, Throwable thrown) {
        String code = codeOf(thrown);
        if (code != null && ENDED.containsKey(code)) {
            Log.info("%s transferId=%s, its listener ends", ENDED.get(code), transfer.id);
            return code.equals("upload_restarted") ? Outcome.CALLED_AGAIN : Outcome.FAILED;
        }
        Log.warn(
                "listener.failed transferId=%s %s at %s%s",
                transfer.id,
                SafeTrace.name(thrown),
                SafeTrace.frame(thrown),
                claimed.virtualClock || thrown instanceof LinkageError
                        ? ": " + thrown.getMessage()
                        : "");
        if (claimed.virtualClock) {
            thrown.printStackTrace(); // the platform is the developer's own
        }
        try {
            transfer.failOpen("its listener threw " + SafeTrace.name(thrown));
            transfer.calls.failed(SafeTrace.describe(thrown, claimed.virtualClock));
        } catch (GatewayException failure) {
            Log.warn(
                    "listener.report_failed transferId=%s %s", transfer.id, failure.getMessage());
        }
        return Outcome.FAILED;
    }

    /** Returns the code of the refusal that ended it, also within what the listener made of it. */
    private static String codeOf(Throwable thrown) {
        int depth = 0;
        for (Throwable each = thrown; each != null && depth++ < 10; each = each.getCause()) {
            if (each instanceof GatewayException) {
                return ((GatewayException) each).getCode();
            }
        }
        return null;
    }
}
