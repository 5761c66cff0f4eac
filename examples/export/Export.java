// Exports files with the JDK alone, from 17 on: java Export.java SERVER_APP_KEY FILE...
// FERRYMAN_URL and FERRYMAN_SERVER_TOKEN say where to. After a crash, run it again: it resumes.
import java.io.IOException;
import java.net.*;
import java.net.http.*;
import java.net.http.HttpRequest.BodyPublishers;
import java.nio.file.*;
import java.security.MessageDigest;
import java.util.*;
import java.util.regex.Pattern;

class Export {
    static final HttpClient CLIENT = HttpClient.newHttpClient();
    static final HttpRequest.Builder API = HttpRequest.newBuilder()
            .header("Authorization", "Bearer " + System.getenv("FERRYMAN_SERVER_TOKEN"))
            .header("Content-Type", "application/json");

    // Sends a request, and again for two minutes while the answer is lost or says "later".
    static HttpResponse<String> send(HttpRequest request, int tries) throws Exception {
        String said;
        long asked = 0;
        try {
            var answer = CLIENT.send(request, HttpResponse.BodyHandlers.ofString());
            if (answer.statusCode() == 200) return answer;
            said = answer.statusCode() + " " + answer.body();
            asked = answer.headers().firstValueAsLong("Retry-After").orElse(0);
        } catch (IOException lost) {
            said = "503 no answer: " + lost;
        }
        if (tries == 7 || !said.matches("(?s)(408|429|500|502|503|504) .*"))
            throw new IOException(request.method() + " " + request.uri().getPath() + ": " + said);
        Thread.sleep(1000 * Math.max(asked, 1L << tries));
        return send(request, tries + 1);
    }

    static String call(String method, String path, String json) throws Exception {
        var uri = URI.create(System.getenv("FERRYMAN_URL") + "/server/v1" + path);
        return send(API.uri(uri).method(method, BodyPublishers.ofString(json)).build(), 0).body();
    }

    // Returns a member of JSON, which the JDK cannot read; none that is read here has escapes.
    static String member(String json, String name) {
        return json.replaceFirst("(?s).*?\"" + name + "\":[\"\\\\]*([^\"\\\\,}]*).*", "$1");
    }

    // Sends a part, unless the store holds it since before a crash; returns it with its etag.
    static String sendPart(String upload, String[] held, int number, byte[] data) throws Exception {
        var sha256 = HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(data));
        var md5 = HexFormat.of().formatHex(MessageDigest.getInstance("MD5").digest(data));
        var part = "{\"number\":%d,\"size\":%d,\"sha256\":\"%s\",\"md5\":\"%s\",\"etag\":\"%%s\"}"
                .formatted(number, data.length, sha256, md5);
        var same = held[Math.min(number, held.length) - 1];
        var equal = member(same, "sha256").equals(sha256) || member(same, "etag").equals(md5);
        if (equal && member(same, "number").equals("" + number))
            return part.formatted(member(same, "etag"));
        var parts = "/uploads/" + member(upload, "uploadId") + "/parts";
        var to = call("POST", parts, "{\"parts\":[" + part + "]}");
        var put = HttpRequest.newBuilder(URI.create(member(to, "url")))
                .method(member(to, "method"), BodyPublishers.ofByteArray(data));
        Pattern.compile("\"(?!Content-Length)([^\"]+)\":\"([^\"]*)\"")
                .matcher(to.split("\"headers\":")[1]).results() // the client adds the length
                .forEach(header -> put.header(header.group(1), header.group(2)));
        var etag = send(put.build(), 0).headers().firstValue("ETag").get().replace("\"", "");
        if (member(upload, "compareEtags").equals("true") && !etag.equals(md5))
            throw new IOException("Part " + number + " was altered on its way.");
        return part.formatted(etag);
    }

    public static void main(String[] args) throws Exception {
        var agent = "{\"serverAppKeys\":[\"%s\"],\"agentId\":\"%s\",\"waitSeconds\":25}"
                .formatted(args[0], InetAddress.getLocalHost().getHostName());
        var claimed = "";
        while (!claimed.contains("transferId")) claimed = call("POST", "/listeners/claim", agent);
        API.header("Ferryman-Claim", member(claimed, "claims"));
        var transfer = "/transfers/" + member(claimed, "transferId");
        for (var path : List.of(args).subList(1, args.length)) {
            var label = Path.of(path).getFileName().toString();
            var file = "{\"label\":\"%s\",\"resumeKey\":\"%1$s\"}"
                    .formatted(label.replaceAll("[\"\\\\]", "\\\\$0"));
            var upload = call("POST", transfer + "/app-data", file);
            var uri = "/uploads/" + member(upload, "uploadId");
            var held = call("GET", uri, "").split("}"); // a part each, and the rest
            var parts = new ArrayList<String>();
            int size = Integer.parseInt(member(upload, "partSize"));
            var bytes = Files.newInputStream(Path.of(path));
            for (byte[] data; (data = bytes.readNBytes(size)).length > 0 || parts.isEmpty(); )
                parts.add(sendPart(upload, held, parts.size() + 1, data));
            call("POST", uri + "/complete", "{\"parts\":" + parts + "}");
            int before = held.length - 1;
            System.out.printf("%s: parts %d, held before %d%n", label, parts.size(), before);
        }
        call("POST", transfer + "/complete-export", "{}");
    }
}
