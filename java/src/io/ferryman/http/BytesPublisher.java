package io.ferryman.http;

import java.io.IOException;
import java.net.http.HttpRequest;
import java.nio.ByteBuffer;
import java.util.concurrent.Flow;

/**
 * Sends bytes in pieces as they are. The JDK's own publishers copy all of a body, so that each part
 * would be garbage of its own size.
 */
final class BytesPublisher implements HttpRequest.BodyPublisher {
    private final Bytes bytes;
    private volatile boolean cancelled;
    private volatile long progress;

    BytesPublisher(Bytes bytes) {
        this.bytes = bytes;
    }

    @Override
    public long contentLength() {
        return bytes.size;
    }

    /** Returns how often bytes were asked for, of all tries together. */
    long progress() {
        return progress;
    }

    /** Ends the request at its next piece: before Java 16 cancelling the future does not. */
    void cancel() {
        cancelled = true;
    }

    @Override
    public void subscribe(Flow.Subscriber<? super ByteBuffer> subscriber) {
        subscriber.onSubscribe(new Walk(subscriber));
    }

    private final class Walk implements Flow.Subscription {
        private final Flow.Subscriber<? super ByteBuffer> subscriber;
        private long at;
        private long demand;
        private boolean walking;
        private boolean ended;

        Walk(Flow.Subscriber<? super ByteBuffer> subscriber) {
            this.subscriber = subscriber;
        }

        @Override
        public void request(long count) {
            synchronized (this) {
                demand = demand + count < 0 ? Long.MAX_VALUE : demand + count;
                if (walking) {
                    return; // asked from within onNext: the loop below goes on
                }
                walking = true;
            }
            while (mayGoOn()) {
                step();
            }
        }

        private synchronized boolean mayGoOn() {
            walking = demand > 0 && !ended;
            demand -= walking ? 1 : 0;
            return walking;
        }

        private void step() {
            progress++;
            if (cancelled) {
                ended = true;
                subscriber.onError(new IOException("cancelled"));
                return;
            }
            ByteBuffer next = bytes.slice(at);
            at += next.remaining();
            subscriber.onNext(next);
            if (at == bytes.size) {
                ended = true;
                subscriber.onComplete();
            }
        }

        @Override
        public void cancel() {
            ended = true;
        }
    }
}
