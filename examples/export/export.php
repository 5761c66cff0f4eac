<?php // Exports files with PHP alone, from 8.1 on: php export.php SERVER_APP_KEY FILE...
// FERRYMAN_URL and FERRYMAN_SERVER_TOKEN say where to. After a crash, run it again: it resumes.
set_error_handler(fn($level, $said) => error_reporting() & $level && throw new Exception($said));
$headers = ['Authorization: Bearer ' . getenv('FERRYMAN_SERVER_TOKEN')];
$headers[] = 'Content-Type: application/json';

// Sends a request, and again for two minutes while the answer is lost or says "later".
function request(string $method, string $url, array $headers, string $body, int $tries = 0): array
{
    $http = ['method' => $method, 'header' => $headers, 'content' => $body, 'ignore_errors' => 1];
    $text = @file_get_contents($url, false, stream_context_create(['http' => $http]));
    $head = implode("\n", $http_response_header ?? []) . "\n";
    if (preg_match('/^HTTP\S+ 200.*?(?:\netag: *"?([^"\s]+)|$)/si', $head, $found)) {
        return [$text, $found[1] ?? ''];
    }
    if ($tries === 7 || !preg_match('/^(\n|HTTP\S+ (408|429|500|502|503|504))/', $head)) {
        throw new Exception("$method " . strtok($url, '?') . ': ' . strtok($head, "\n") . " $text");
    }
    sleep(preg_match('/^retry-after: *(\d+)/mi', $head, $found) ? (int) $found[1] : 2 ** $tries);
    return request($method, $url, $headers, $body, $tries + 1);
}

function call(string $method, string $path, array $body = []): array
{
    $url = getenv('FERRYMAN_URL') . "/server/v1$path";
    $json = $method === 'GET' ? '' : json_encode((object) $body, JSON_THROW_ON_ERROR);
    return json_decode(request($method, $url, $GLOBALS['headers'], $json)[0], true) ?? [];
}

// Sends a part, unless the store holds it since before a crash; returns it with its etag.
function sendPart(array $upload, array $held, int $number, string $data): array
{
    $part = ['number' => $number, 'size' => strlen($data)];
    $part += ['sha256' => hash('sha256', $data), 'md5' => md5($data)];
    $proof = $held[$number]['sha256'] ?? trim($held[$number]['etag'] ?? '', '"');
    if (in_array($proof, $part, true)) {
        return $part + ['etag' => $held[$number]['etag']];
    }
    $to = call('POST', "/uploads/$upload[uploadId]/parts", ['parts' => [$part]])['parts'][0];
    $lines = array_map(fn($name) => "$name: {$to['headers'][$name]}", array_keys($to['headers']));
    $etag = request($to['method'], $to['url'], $lines, $data)[1];
    $upload['compareEtags'] && $etag !== $part['md5'] && throw new Exception('A part was altered.');
    return $part + ['etag' => $etag];
}

$agent = ['serverAppKeys' => [$argv[1]], 'agentId' => gethostname(), 'waitSeconds' => 25];
while (!$claimed = call('POST', '/listeners/claim', $agent)['transfer']);
$headers[] = "Ferryman-Claim: $claimed[claims]";
foreach (array_slice($argv, 2) as $path) {
    $file = ['label' => basename($path), 'resumeKey' => basename($path)];
    $upload = call('POST', "/transfers/$claimed[transferId]/app-data", $file);
    $held = array_column(call('GET', "/uploads/$upload[uploadId]")['parts'], null, 'number');
    [$bytes, $parts] = [fopen($path, 'rb'), []];
    while (($data = stream_get_contents($bytes, $upload['partSize'])) !== '' || !$parts) {
        $parts[] = sendPart($upload, $held, count($parts) + 1, $data);
    }
    call('POST', "/uploads/$upload[uploadId]/complete", ['parts' => $parts]);
    echo "$file[label]: parts ", count($parts), ', held before ', count($held), "\n";
}
call('POST', "/transfers/$claimed[transferId]/complete-export");
