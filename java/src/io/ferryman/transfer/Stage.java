package io.ferryman.transfer;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Deque;
import java.util.List;
import java.util.function.Consumer;

/**
 * One stage of a pipeline: a queue, and threads that take what is queued, many at a time.
 *
 * <p>Nothing lingers: a free thread takes what is there, and the next batch is what came meanwhile.
 * Idle threads end, and none keeps a process alive.
 */
final class Stage<T> {
    private static final long IDLE_MILLIS = 1000;

    private final String name;
    private final Consumer<List<T>> action;
    private final int most;
    private final int threads;
    private final Deque<T> waiting = new ArrayDeque<>();
    private int running;
    private int idle;

    /** Calls {@code action}, which must not throw, with up to {@code most} items. */
    Stage(String name, int most, int threads, Consumer<List<T>> action) {
        this.name = name;
        this.most = most;
        this.threads = threads;
        this.action = action;
    }

    void put(Collection<T> items) {
        int starting;
        synchronized (this) {
            waiting.addAll(items);
            int wanted = Math.min((waiting.size() + most - 1) / most, threads);
            for (int woken = 0; woken < Math.min(wanted, idle); woken++) {
                notify();
            }
            starting = Math.max(0, Math.min(wanted - idle, threads - running));
            running += starting;
        }
        for (; starting > 0; starting--) {
            Thread thread = new Thread(this::run, name);
            thread.setDaemon(true);
            thread.start();
        }
    }

    private void run() {
        for (List<T> taken = take(); !taken.isEmpty(); taken = take()) {
            action.accept(taken);
        }
    }

    private synchronized List<T> take() {
        List<T> taken = new ArrayList<>();
        if (waiting.isEmpty()) {
            rest();
        }
        while (taken.size() < most && !waiting.isEmpty()) {
            taken.add(waiting.poll());
        }
        running -= taken.isEmpty() ? 1 : 0;
        return taken;
    }

    private void rest() {
        idle++;
        try {
            wait(IDLE_MILLIS);
        } catch (InterruptedException nobodyDoesThat) {
            // ends if nothing waits
        }
        idle--;
    }
}
