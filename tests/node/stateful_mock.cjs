// stripe-stateful-mock on a free port of the loopback alone (its own start listens everywhere). One
// line of JSON says where; it ends with its stdin.
const { createExpressApp } = require("stripe-stateful-mock");

require("loglevel").setLevel("error");
const server = createExpressApp().listen(0, "127.0.0.1", () => {
  const { address, port } = server.address();
  console.log(JSON.stringify({ address: `${address}:${port}` }));
});
process.stdin.on("end", () => process.exit(0)).resume();
