// Exports files with the JDK alone, from 17 on: java Export.java SERVER_APP_KEY FILE...
// FERRYMAN_URL and FERRYMAN_SERVER_TOKEN say where to. After a crash, run it again: it resumes.
import java.io.IOException;
import java.net.InetAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.regex.Pattern;

class Export {
    static final HttpClient CLIENT = HttpClient.newHttpClient();
    static String claim = "0";

    // Sends a request, and again for two minutes while the answer is lost or says "later".
    static HttpResponse<String> request(HttpRequest request, int tries) throws Exception {
        String said;
        long asked = 0;
        try {
            var answer = CLIENT.send(request, BodyHandlers.ofString());
            said = answer.statusCode() + " " + answer.body();
            asked = answer.headers().firstValueAsLong("Retry-After").orElse(0);
            if (answer.statusCode() == 200) return answer;
        } catch (IOException lost) {
            said = "503, no answer: " + lost;
        }
        if (tries == 7 || !said.substring(0, 3).matches("408|429|500|502|503|504"))
            throw new IOException(request.method() + " " + request.uri().getPath() + ": " + said);
        Thread.sleep(1000 * Math.max(asked, 1 << tries));
        return request(request, tries + 1);
    }

    static String call(String method, String path, String json) throws Exception {
        var api = URI.create(System.getenv("FERRYMAN_URL") + "/server/v1" + path);
        var token = "Bearer " + System.getenv("FERRYMAN_SERVER_TOKEN");
        var call = HttpRequest.newBuilder(api).method(method, BodyPublishers.ofString(json));
        call.header("Content-Type", "application/json").header("Authorization", token);
        return request(call.header("Ferryman-Claim", claim).build(), 0).body();
    }

    // Returns a member of JSON, which the JDK cannot read; texts keep their escapes.
    static String member(String json, String name) {
        var value = ":(\"((\\\\.|[^\"\\\\])*)\"|[^,}]*)";
        var found = Pattern.compile('"' + name + '"' + value).matcher(json);
        return !found.find() ? "null" : found.group(2) == null ? found.group(1) : found.group(2);
    }

    static String hex(String algorithm, byte[] data) throws Exception {
        return HexFormat.of().formatHex(MessageDigest.getInstance(algorithm).digest(data));
    }

    // Sends a part, unless the store holds it since before a crash; returns it with its etag.
    static String sendPart(String upload, String held, int number, byte[] data) throws Exception {
        String sha256 = hex("SHA-256", data), md5 = hex("MD5", data);
        var part = "{\"number\":%d,\"size\":%d,\"sha256\":\"%s\",\"md5\":\"%s\",\"etag\":\"";
        part = String.format(part, number, data.length, sha256, md5);
        for (var same : held.split("}")) {
            var etag = member(same, "etag").replaceAll("[^0-9A-Za-z-]", "");
            var equal = member(same, "sha256").equals(sha256) || etag.equals(md5);
            if (equal && member(same, "number").equals("" + number)) return part + etag + "\"}";
        }
        var path = "/uploads/" + member(upload, "uploadId") + "/parts";
        var to = call("POST", path, "{\"parts\":[" + part + "\"}]}");
        var put = HttpRequest.newBuilder(URI.create(member(to, "url")));
        var pair = Pattern.compile("\"([^\"]+)\":\"([^\"]*)\"");
        for (var header = pair.matcher(to.split("\"headers\":")[1]); header.find(); ) {
            var name = header.group(1); // the client sets the length itself
            if (!name.equals("Content-Length")) put.header(name, header.group(2));
        }
        put.method(member(to, "method"), BodyPublishers.ofByteArray(data));
        var etag = request(put.build(), 0).headers().firstValue("ETag").get().replace("\"", "");
        if (member(upload, "compareEtags").equals("true") && !etag.equals(md5))
            throw new IOException("Part " + number + " was altered on its way.");
        return part + etag + "\"}";
    }

    public static void main(String[] args) throws Exception {
        var agent = "{\"serverAppKeys\":[\"%s\"],\"agentId\":\"%s\",\"waitSeconds\":25}";
        agent = String.format(agent, args[0], InetAddress.getLocalHost().getHostName());
        var claimed = "";
        while (!claimed.contains("transferId")) claimed = call("POST", "/listeners/claim", agent);
        claim = member(claimed, "claims");
        var transfer = "/transfers/" + member(claimed, "transferId");
        for (var name : Arrays.asList(args).subList(1, args.length)) {
            var label = Path.of(name).getFileName().toString();
            var json = label.replace("\\", "\\\\").replace("\"", "\\\"");
            json = String.format("{\"label\":\"%1$s\",\"resumeKey\":\"%1$s\"}", json);
            var upload = call("POST", transfer + "/app-data", json);
            var held = call("GET", "/uploads/" + member(upload, "uploadId"), "");
            var parts = new ArrayList<String>();
            try (var bytes = Files.newInputStream(Path.of(name))) {
                int size = Integer.parseInt(member(upload, "partSize"));
                for (var data = new byte[size]; data.length == size; ) {
                    data = bytes.readNBytes(size);
                    if (data.length > 0 || parts.isEmpty())
                        parts.add(sendPart(upload, held, parts.size() + 1, data));
                }
            }
            json = "{\"parts\":[" + String.join(",", parts) + "]}";
            call("POST", "/uploads/" + member(upload, "uploadId") + "/complete", json);
            int before = held.split("\"number\"").length - 1;
            System.out.printf("%s: parts %d, held before %d%n", label, parts.size(), before);
        }
        call("POST", transfer + "/complete-export", "{}");
    }
}
