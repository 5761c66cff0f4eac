# Exports files with Perl alone: perl export.pl SERVER_APP_KEY FILE...
# FERRYMAN_URL and FERRYMAN_SERVER_TOKEN say where to. After a crash, run it again: it resumes.
use v5.20; use warnings;
use Digest::MD5 'md5_hex';
use Digest::SHA 'sha256_hex';
use HTTP::Tiny; # https takes IO::Socket::SSL, too: Debian's libio-socket-ssl-perl
use JSON::PP;
use Sys::Hostname 'hostname';

my ($http, $json) = (HTTP::Tiny->new(verify_SSL => 1), JSON::PP->new); # texts stay UTF-8
my ($api, $token) = ("$ENV{FERRYMAN_URL}/server/v1", $ENV{FERRYMAN_SERVER_TOKEN});
my %headers = (Authorization => "Bearer $token", 'Content-Type' => 'application/json');

# Sends a request, and again for two minutes while the answer is lost (599) or says "later".
sub request {
    my ($method, $url, $headers, $body, $tries) = (@_, 0);
    my $answer = $http->request($method, $url, {headers => $headers, content => $body});
    return $answer if $answer->{status} == 200;
    my $later = $tries < 7 && $answer->{status} =~ /^(408|429|500|502|503|504|599)$/;
    die "$method ", $url =~ s/\?.*//r, ": $answer->{status} $answer->{content}\n" if !$later;
    sleep($answer->{headers}{'retry-after'} // 2**$tries);
    return request($method, $url, $headers, $body, $tries + 1);
}

sub call {
    my ($method, $path, $body) = @_;
    my $text = $body ? $json->encode($body) : '';
    return $json->decode(request($method, "$api$path", \%headers, $text)->{content} || '{}');
}

# Sends a part, unless the store holds it since before a crash; returns it with its etag.
sub send_part {
    my ($upload, $held, $number, $data) = @_;
    my %part = (number => $number, size => length $data, sha256 => sha256_hex($data));
    $part{md5} = md5_hex($data);
    my $proof = $held->{sha256} // ($held->{etag} // '') =~ tr/"//dr;
    return {%part, etag => $held->{etag}} if $proof eq $part{sha256} || $proof eq $part{md5};
    my $to = call('POST', "/uploads/$upload->{uploadId}/parts", {parts => [\%part]})->{parts}[0];
    $part{etag} = request(@$to{qw(method url headers)}, $data)->{headers}{etag} =~ tr/"//dr;
    die "A part was altered.\n" if $upload->{compareEtags} && $part{etag} ne $part{md5};
    return \%part;
}

my $claimed;
my %agent = (serverAppKeys => [shift @ARGV], agentId => hostname, waitSeconds => 25);
$claimed = call('POST', '/listeners/claim', \%agent)->{transfer} until $claimed;
$headers{'Ferryman-Claim'} = $claimed->{claims};
for my $path (@ARGV) {
    my %file = (label => $path =~ s{.*/}{}r, resumeKey => $path =~ s{.*/}{}r);
    my $upload = call('POST', "/transfers/$claimed->{transferId}/app-data", \%file);
    my %held = map { $_->{number} => $_ } @{call('GET', "/uploads/$upload->{uploadId}")->{parts}};
    open my $bytes, '<:raw', $path or die "$path: $!\n";
    my @parts;
    while ((read($bytes, my $data, $upload->{partSize}) // die "$path: $!\n") || !@parts) {
        push @parts, send_part($upload, $held{@parts + 1}, @parts + 1, $data);
    }
    call('POST', "/uploads/$upload->{uploadId}/complete", {parts => \@parts});
    printf "%s: parts %d, held before %d\n", $file{label}, 0 + @parts, 0 + keys %held;
}
call('POST', "/transfers/$claimed->{transferId}/complete-export", {});
