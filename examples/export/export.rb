# Exports files with Ruby's own library alone: ruby export.rb SERVER_APP_KEY FILE...
# FERRYMAN_URL and FERRYMAN_SERVER_TOKEN say where to. After a crash, run it again: it resumes.
require "digest"
require "json"
require "net/http"
require "socket"

API = ENV.fetch("FERRYMAN_URL") + "/server/v1"
HEADERS = { "Authorization" => "Bearer " + ENV.fetch("FERRYMAN_SERVER_TOKEN"),
            "Content-Type" => "application/json" }

# Sends a request, and again for two minutes while the answer is lost or says "later".
def request(method, url, headers, body, tries = 0)
  uri = URI(url)
  answer = Net::HTTP.start(uri.host, uri.port, use_ssl: uri.scheme == "https") do |http|
    http.send_request(method, uri.request_uri, body, headers)
  end
  return answer if answer.code == "200"
  raise "#{answer.code} #{answer.body}"
rescue StandardError => error
  later = answer.nil? || %w[408 429 500 502 503 504].include?(answer.code)
  abort "#{method} #{uri.path}: #{error.message}" if tries == 7 || !later
  sleep [answer ? answer["Retry-After"].to_i : 0, 2**tries].max
  request(method, url, headers, body, tries + 1)
end

def call(method, path, body = {})
  JSON.parse(request(method, API + path, HEADERS, method == "GET" ? nil : body.to_json).body)
end

# Sends a part, unless the store holds it since before a crash; returns it with its etag.
def send_part(upload, held, number, data)
  part = { number: number, size: data.bytesize,
           sha256: Digest::SHA256.hexdigest(data), md5: Digest::MD5.hexdigest(data) }
  proof = held && (held["sha256"] || held["etag"].delete('"'))
  return part.merge(etag: held["etag"]) if part.value?(proof)
  to = call("POST", "/uploads/#{upload["uploadId"]}/parts", { parts: [part] })["parts"][0]
  etag = request(to["method"], to["url"], to["headers"], data)["ETag"].delete('"')
  abort "A part was altered on its way." if upload["compareEtags"] && etag != part[:md5]
  part.merge(etag: etag)
end

agent = { serverAppKeys: [ARGV.shift], agentId: Socket.gethostname, waitSeconds: 25 }
claimed = call("POST", "/listeners/claim", agent)["transfer"] until claimed
HEADERS["Ferryman-Claim"] = claimed["claims"].to_s
ARGV.each do |path|
  file = { label: File.basename(path), resumeKey: File.basename(path) }
  upload = call("POST", "/transfers/#{claimed["transferId"]}/app-data", file)
  held = call("GET", "/uploads/#{upload["uploadId"]}")["parts"]
  parts = []
  File.open(path, "rb") do |bytes|
    while (data = bytes.read(upload["partSize"]) || ("" if parts.empty?))
      same = held.find { |part| part["number"] == parts.size + 1 }
      parts << send_part(upload, same, parts.size + 1, data)
    end
  end
  call("POST", "/uploads/#{upload["uploadId"]}/complete", { parts: parts })
  puts "#{file[:label]}: parts #{parts.size}, held before #{held.size}"
end
request("POST", "#{API}/transfers/#{claimed["transferId"]}/complete-export", HEADERS, "{}")
