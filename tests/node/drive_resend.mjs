// resend-node, unmodified, driven by a test: calls come in as JSON on stdin, what came of each goes
// out as JSON on stdout.
//
//   {"key": "vault_key_…", "base": "http://127.0.0.1:8080",
//    "calls": [["emails.send", {"from": …, "to": …}, {"idempotencyKey": "order-1"}],
//              ["emails.cancel", "$0.id"]]}
//
// "$0.id" is a member of an earlier call's data. {"$bytes": 9} becomes a buffer of that size. The
// SDK raises nothing: each call is told as it answers, {"data": …, "error": …, "headers": …}.

import { text } from "node:stream/consumers";
import { Resend } from "resend";

const { key, base, calls } = JSON.parse(await text(process.stdin));
const resend = new Resend(key, { baseUrl: base });
const told = [];

function filledIn(value) {
  if (typeof value === "string" && value.startsWith("$")) {
    const [number, ...names] = value.slice(1).split(".");
    return names.reduce((found, name) => found[name], told[Number(number)].data);
  }
  if (Array.isArray(value)) return value.map(filledIn);
  if (value === null || typeof value !== "object") return value;
  if ("$bytes" in value) return Buffer.alloc(value.$bytes, "x");
  return Object.fromEntries(Object.entries(value).map(([name, it]) => [name, filledIn(it)]));
}

for (const [name, ...args] of calls) {
  const [resource, method] = name.split(".");
  told.push(await resend[resource][method](...args.map(filledIn)));
}
process.stdout.write(JSON.stringify(told), () => process.exit(0));
