package io.ferryman.transfer;

import io.ferryman.AppDataReceipt;
import io.ferryman.GatewayException;
import io.ferryman.http.Log;
import io.ferryman.http.RetryPolicy;
import io.ferryman.json.JsonMembers;
import java.io.InterruptedIOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import java.util.function.Supplier;

/**
 * Sends the small files of a transfer in the background: many are begun in one call, eight are sent
 * at once, and many registered in one call. What comes while a call is made shares the next one.
 */
final class SmallFiles {
    /** The platform takes this many in one call. */
    private static final int MOST = 500;

    private static final int SENDERS = 8;

    private final ServerCalls calls;
    private final Semaphore room;
    private final Stage<SmallFile> begins = new Stage<>("ferryman-begin", MOST, 1, this::begin);
    private final Stage<SmallFile> sends = new Stage<>("ferryman-send", 1, SENDERS, this::send);
    private final Stage<SmallFile> registers =
            new Stage<>("ferryman-register", MOST, 1, this::register);

    /** How many in a row got no answer, each after two minutes of trying. */
    private final AtomicInteger lost = new AtomicInteger();

    private volatile boolean needsMd5 = true; // until the platform says what its store checks

    SmallFiles(ServerCalls calls, Semaphore room) {
        this.calls = calls;
        this.room = room;
    }

    /** Takes a file that was closed; waits while too much is on its way. */
    void add(SmallFile file) throws InterruptedIOException {
        try {
            room.acquire(file.weight());
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            throw new InterruptedIOException("interrupted while small files were being sent");
        }
        begins.put(List.of(file));
    }

    private void begin(List<SmallFile> files) {
        List<JsonMembers> asked = new ArrayList<>();
        for (SmallFile each : files) {
            each.describe(needsMd5);
            asked.add(each.file.beginning(each.part));
        }
        List<Supplier<Upload>> answers = ask(asked, calls::beginAll);
        List<SmallFile> ready = new ArrayList<>();
        for (int at = 0; at < files.size(); at++) {
            SmallFile each = files.get(at);
            Supplier<Upload> answer = answers.get(at);
            attempt(each, () -> begun(each, answer.get(), ready));
        }
        sends.put(ready);
    }

    private void begun(SmallFile file, Upload upload, List<SmallFile> ready) {
        needsMd5 = upload.needsMd5();
        file.upload = upload;
        if (upload.receipt == null) {
            ready.add(file);
        } else if (file.sha256.equals(upload.receipt.getSha256())) {
            registered(file, upload.receipt);
        } else {
            file.file.beginAnew();
            begins.put(List.of(file));
        }
    }

    private void send(List<SmallFile> files) {
        for (SmallFile each : files) {
            attempt(each, () -> sendNow(each));
        }
    }

    private void sendNow(SmallFile file) {
        // Where nobody answered for so long, the others that wait have waited enough.
        boolean patient = lost.get() < SENDERS;
        RetryPolicy policy = patient ? ServerCalls.AS_EVER : RetryPolicy.NEVER;
        try {
            file.part = file.file.sendOnly(file.upload, file.part, file.bytes(), policy);
        } catch (GatewayException failure) {
            lost.addAndGet(failure.isUnanswered() ? 1 : 0);
            throw failure;
        }
        lost.set(0);
        registers.put(List.of(file));
    }

    private void register(List<SmallFile> files) {
        List<JsonMembers> asked = new ArrayList<>();
        for (SmallFile each : files) {
            asked.add(ServerCalls.completing(each.upload.id, List.of(each.part), each.sha256));
        }
        List<Supplier<AppDataReceipt>> answers = ask(asked, calls::completeAll);
        for (int at = 0; at < files.size(); at++) {
            SmallFile each = files.get(at);
            Supplier<AppDataReceipt> answer = answers.get(at);
            attempt(each, () -> registered(each, answer));
        }
    }

    private void registered(SmallFile file, Supplier<AppDataReceipt> answer) {
        try {
            registered(file, answer.get());
        } catch (GatewayException refused) {
            // One that the store lost since it confirmed it is sent once more.
            boolean gone = refused.is("upload_restarted") || refused.is("part_missing");
            if (!gone || file.restarted) {
                throw refused;
            }
            file.restarted = true;
            begins.put(List.of(file));
        }
    }

    private void registered(SmallFile file, AppDataReceipt receipt) {
        file.file.registered(receipt);
        room.release(file.weight());
    }

    /** Asks for all in one call; a failure of the call is that of each. */
    private static <T> List<Supplier<T>> ask(
            List<JsonMembers> asked, Function<List<JsonMembers>, List<Supplier<T>>> call) {
        try {
            return call.apply(asked);
        } catch (RuntimeException failure) {
            return Collections.nCopies(
                    asked.size(),
                    () -> {
                        throw failure;
                    });
        }
    }

    private void attempt(SmallFile file, Runnable step) {
        try {
            step.run();
        } catch (RuntimeException | Error thrown) {
            try {
                fail(file.file, thrown);
            } finally {
                room.release(file.weight());
            }
        }
    }

    private static void fail(FileUpload file, Throwable thrown) {
        String why = FileStream.describe(thrown);
        Log.warn("app_data.not_registered label=%s %s", file.label, thrown.getMessage());
        if (thrown instanceof GatewayException && ((GatewayException) thrown).isUnanswered()) {
            file.failUntold(why); // those that follow would wait for each word that is not heard
        } else {
            file.fail(why, thrown);
        }
    }
}
