package io.ferryman.transfer;

import java.util.concurrent.ExecutorService;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.Semaphore;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;

/** The threads that send parts, of all transfers; idle ones end, and none keeps a process alive. */
public final class Senders {
    private static final int PARTS = 8;
    private static final long LARGEST = 16L << 20;

    final ExecutorService parts = pool(PARTS);

    /** For calls that the thread which wants them must not wait for. */
    final ExecutorService later = pool(1);

    /** Bounds the small files on their way, in bytes: a sixteenth of the heap, at most 16 MiB. */
    final Semaphore room =
            new Semaphore((int) Math.min(LARGEST, Runtime.getRuntime().maxMemory() / 16));

    private static ExecutorService pool(int threads) {
        ThreadPoolExecutor pool =
                new ThreadPoolExecutor(
                        threads,
                        threads,
                        10,
                        TimeUnit.SECONDS,
                        new LinkedBlockingQueue<>(),
                        run -> {
                            Thread thread = new Thread(run, "ferryman-sender");
                            thread.setDaemon(true);
                            return thread;
                        });
        pool.allowCoreThreadTimeOut(true);
        return pool;
    }
}
