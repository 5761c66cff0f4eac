package io.ferryman.transfer;

import java.util.concurrent.ExecutorService;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.Semaphore;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;

/** The threads that send parts and small files; idle ones end, and none keeps a process alive. */
public final class Senders {
    private static final int PARTS = 8;

    // They mostly wait, for a call that they share and for the store.
    private static final int SMALL = 32;

    final ExecutorService parts = pool(PARTS);
    final ExecutorService small = pool(SMALL);

    /** Bounds the small files on their way, so that their memory is at most 8 MiB. */
    final Semaphore slots = new Semaphore(2 * SMALL);

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
