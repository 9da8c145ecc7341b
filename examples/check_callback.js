// Checks that a callback comes from Maalem, and is not an old one sent again.
//
//     SIGNING_KEY=... node examples/check_callback.js HEADERS.json < body
//
// Needs nothing but Node. HEADERS.json is an object of the request's headers.

const { createHmac, timingSafeEqual } = require("node:crypto");
const { readFileSync } = require("node:fs");

const WITHIN_MS = 5 * 60 * 1000;

// Tells whether our key signed this body, with this moment and this id.
function isFromMaalem(signingKey, headers, body) {
  const signed = Buffer.concat([Buffer.from(`${headers["X-Date"]}\n${headers["X-CorrelationID"]}\n`), body]);
  const right = createHmac("sha256", signingKey).update(signed).digest();
  const given = Buffer.from(headers["X-Signature"], "hex");
  return given.length === right.length && timingSafeEqual(given, right);
}

// Tells whether it was signed just now; each try of ours is signed anew.
function isNew(headers) {
  return Math.abs(Date.now() - Date.parse(headers["X-Date"])) < WITHIN_MS;
}

const headers = JSON.parse(readFileSync(process.argv[2], "utf8"));
const right = isFromMaalem(process.env.SIGNING_KEY, headers, readFileSync(0));
console.log(right && isNew(headers) ? "right" : "refused");
