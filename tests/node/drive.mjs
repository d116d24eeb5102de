// stripe-node, unmodified, driven by a test: calls come in as JSON on stdin, what came of each goes
// out as JSON on stdout.
//
//   {"key": "vault_key_…", "config": {"host": …, "port": …, "protocol": "http"},
//    "calls": [["paymentIntents.create", {"amount": 1200, …}],
//              ["paymentIntents.confirm", "$0.id", {…}]]}
//
// "$0.id" is a member of an earlier call's answer. {"$bytes": 9} becomes a buffer of that size. A
// method that ends in "…" is a list, read to its end. Each call is answered with
// {"answer": …, "headers": …} or {"raised": …}.

import { text } from "node:stream/consumers";
import Stripe from "stripe";

const { key, config, calls } = JSON.parse(await text(process.stdin));
const stripe = new Stripe(key, config);
const told = [];

function filledIn(value) {
  if (typeof value === "string" && value.startsWith("$")) {
    const [number, ...names] = value.slice(1).split(".");
    return names.reduce((found, name) => found[name], told[Number(number)].answer);
  }
  if (Array.isArray(value)) return value.map(filledIn);
  if (value === null || typeof value !== "object") return value;
  if ("$bytes" in value) return Buffer.alloc(value.$bytes, "x");
  return Object.fromEntries(Object.entries(value).map(([name, it]) => [name, filledIn(it)]));
}

function described(error) {
  const { type, code, param, statusCode, rawType, message, requestId, headers, raw } = error;
  return { name: type ?? error.name, code, param, statusCode, rawType, message, requestId, headers, raw };
}

async function carriedOut(name, args) {
  const [resource, method] = name.replace("…", "").split(".");
  const call = stripe[resource][method](...args);
  if (name.endsWith("…")) return { answer: await call.autoPagingToArray({ limit: 1000 }) };
  const answer = await call;
  return { answer, headers: answer.lastResponse.headers };
}

for (const [name, ...args] of calls) {
  try {
    told.push(await carriedOut(name, args.map(filledIn)));
  } catch (error) {
    told.push({ raised: described(error) });
  }
}
// The SDK never reads an answer that it tries again after: its connection would keep us here.
process.stdout.write(JSON.stringify(told), () => process.exit(0));
