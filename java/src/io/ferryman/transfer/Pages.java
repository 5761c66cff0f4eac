package io.ferryman.transfer;

import io.ferryman.json.JsonObject;
import java.util.HashMap;
import java.util.Map;

/** Walks a list of the platform, a page at a time; pages without entries are left out. */
abstract class Pages {
    private final ServerCalls calls;
    private final String path;
    private final Map<String, String> query;
    private boolean more = true;

    Pages(ServerCalls calls, String path, String filter, String value, int size, int largest) {
        if (size < 1) {
            throw new IllegalArgumentException("expected a page size from 1; found " + size);
        }
        this.calls = calls;
        this.path = path;
        this.query = new HashMap<>();
        query.put(filter, value);
        query.put("pageSize", Integer.toString(Math.min(size, largest)));
    }

    /** Takes a page; returns how many entries it has. */
    abstract int take(JsonObject page);

    public final boolean next() {
        while (more) {
            JsonObject page = calls.page(path, query);
            JsonObject meta = page.object("meta");
            more = meta.flag("hasNext");
            query.put("lastEntity", meta.text("lastEntity"));
            if (take(page) > 0) {
                return true;
            }
        }
        return false;
    }
}
