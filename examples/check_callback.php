<?php
// Checks that a callback comes from Maalem, and is not an old one sent again.
//
//     SIGNING_KEY=... php examples/check_callback.php HEADERS.json < body
//
// Needs nothing but PHP. HEADERS.json is an object of the request's headers.

const WITHIN_SECONDS = 300;

// Tells whether our key signed this body, with this moment and this id.
function is_from_maalem(string $signing_key, array $headers, string $body): bool
{
    $signed = "{$headers['X-Date']}\n{$headers['X-CorrelationID']}\n{$body}";
    return hash_equals(hash_hmac('sha256', $signed, $signing_key), $headers['X-Signature']);
}

// Tells whether it was signed just now; each try of ours is signed anew.
function is_new(array $headers): bool
{
    return abs(time() - (new DateTimeImmutable($headers['X-Date']))->getTimestamp()) < WITHIN_SECONDS;
}

$headers = json_decode(file_get_contents($argv[1]), true);
$right = is_from_maalem(getenv('SIGNING_KEY'), $headers, file_get_contents('php://stdin'));
echo $right && is_new($headers) ? "right\n" : "refused\n";
