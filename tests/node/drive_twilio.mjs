// twilio-node, unmodified, driven by a test: calls come in as JSON on stdin, what came of each goes
// out as JSON on stdout.
//
//   {"user": "AC…", "key": "vault_key_…", "options": {…}, "base": "http://127.0.0.1:8080/twilio",
//    "calls": [["messages.create", {"to": "+1…", …}],
//              ["messages($0.sid).fetch"],
//              ["verify.v2.services(VA…).verifications.create", {…}]]}
//
// "$0.sid" is a member of an earlier call's answer. Each call is answered with {"answer": …} or
// {"raised": …}.

import { text } from "node:stream/consumers";
import twilio from "twilio";

const PRODUCTS = ["verify", "lookups", "messaging", "pricing", "studio"];
const STEP = /(\w+)(?:\(([^)]*)\))?/g;

const { user, key, options, base, calls } = JSON.parse(await text(process.stdin));
const told = [];

function connected() {
  const client = twilio(user, key, options);
  client.api.baseUrl = base;
  for (const product of PRODUCTS) client[product].baseUrl = `${base}/${product}`;
  return client;
}

function filledIn(value) {
  if (typeof value !== "string" || !value.startsWith("$")) return value;
  const [number, ...names] = value.slice(1).split(".");
  return names.reduce((found, name) => found[name], told[Number(number)].answer);
}

async function carriedOut(path, args) {
  let holder, found = connected();
  for (const [, name, argument] of path.matchAll(STEP)) {
    holder = found;
    found = found[name];
    if (argument !== undefined) found = found.call(holder, filledIn(argument));
  }
  return { answer: await found.apply(holder, args) };
}

function described({ name, status, code, message, moreInfo, details }) {
  return { name, status, code, message, moreInfo, details };
}

for (const [path, ...args] of calls) {
  try {
    told.push(await carriedOut(path, args));
  } catch (error) {
    told.push({ raised: described(error) });
  }
}
process.stdout.write(JSON.stringify(told), () => process.exit(0));
