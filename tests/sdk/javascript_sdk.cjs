// Drives the official JavaScript SDK, unchanged, against the simulator.
//
// Usage: node javascript_sdk.cjs BASE_URL CLIENT_ID CLIENT_SECRET
// Needs the package purecloud-platform-client-v2 (NODE_PATH may point to its node_modules).
// Prints one line of JSON and exits 0 when all is well.

const assert = require("node:assert/strict");
const sdk = require("purecloud-platform-client-v2");

const QUEUES = [
  "Billing", "Complaints", "Escalations", "New Business", "Partner Desk", "Reception",
  "Renewals", "Support Chat", "Support Email", "Support Phone", "Upgrades", "Voicemail",
];

/** Switches the simulator by its control endpoint. */
async function scenario(base, name) {
  const answer = await fetch(`${base}/sim/scenario`, {
    method: "PUT",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ name }),
  });
  assert.equal(answer.status, 200);
  assert.equal((await answer.json()).name, name);
}

/** The error of a call that must fail. */
async function refusal(call) {
  try {
    await call();
  } catch (error) {
    return error;
  }
  throw new Error("the call was not refused");
}

async function run(base, clientId, clientSecret) {
  const url = new URL(base);
  await scenario(base, "healthy");
  const client = sdk.ApiClient.instance;
  client.setGateway({ host: url.hostname, protocol: url.protocol.slice(0, -1), port: Number(url.port) });

  const wrong = await refusal(() => client.loginClientCredentialsGrant(clientId, `${clientSecret}x`));
  assert.ok(wrong, "a wrong secret is refused");
  await client.loginClientCredentialsGrant(clientId, clientSecret);

  const names = (listing) => listing.entities.map((queue) => queue.name);
  const routing = new sdk.RoutingApi();
  const queues = await routing.getRoutingQueues({ pageSize: 100 });
  assert.deepEqual(names(queues), QUEUES);
  assert.equal(queues.total, 12);
  const page = await routing.getRoutingQueues({ pageSize: 5, pageNumber: 2 });
  assert.deepEqual(names(page), QUEUES.slice(5, 10));
  assert.equal(page.nextUri, "/api/v2/routing/queues?pageSize=5&pageNumber=3");
  const found = await routing.getRoutingQueues({ name: "support*", sortOrder: "desc" });
  assert.deepEqual(names(found), ["Support Phone", "Support Email", "Support Chat"]);
  const two = queues.entities.slice(0, 2).map((queue) => queue.id);
  assert.deepEqual((await routing.getRoutingQueues({ id: two })).entities.map((queue) => queue.id), two);
  const one = await routing.getRoutingQueue(two[0]);
  assert.deepEqual([one.name, one.division.name], ["Billing", "Home"]);

  const token = await new sdk.TokensApi().getTokensMe();
  assert.equal(token.OAuthClient.id, clientId);
  const authorization = new sdk.AuthorizationApi();
  const { grants } = await authorization.getAuthorizationSubjectsMe();
  const held = grants.map((grant) => `${grant.role.name} in ${grant.division.name}`).sort();
  assert.deepEqual(held, [
    "Queue Reader in Home", "Queue Reader in Sales", "Queue Reader in Support", "Reporting in Home",
  ]);
  const view = "routing:queue:view";
  const permitted = await authorization.getAuthorizationDivisionspermittedPagedMe(view);
  assert.deepEqual(permitted.entities.map((division) => division.name), ["Home", "Sales", "Support"]);
  assert.equal((await new sdk.OrganizationApi().getOrganizationsMe()).state, "active");

  await scenario(base, "role-removed");
  const refused = await refusal(() => routing.getRoutingQueues({ pageSize: 1 }));
  // The SDK rejects with the body alone.
  assert.equal(refused.status, 403);
  assert.equal(refused.code, "missing.any.permissions");
  assert.match(refused.message, /\[routing:queue:view\]$/);
  assert.match(refused.contextId, /^[0-9a-f-]{36}$/);
  await scenario(base, "healthy");
  assert.equal((await routing.getRoutingQueues({ pageSize: 1 })).total, 12);
  const { code, contextId } = refused;
  return { ok: true, queues: queues.total, grants: grants.length, code, contextId };
}

const [base, clientId, clientSecret] = process.argv.slice(2);
if (!clientSecret) {
  console.error("usage: javascript_sdk.cjs BASE_URL CLIENT_ID CLIENT_SECRET");
  process.exit(2);
}
run(base.replace(/\/$/, ""), clientId, clientSecret)
  .then((result) => {
    console.log(JSON.stringify(result));
    process.exit(0);
  })
  .catch((error) => {
    console.error(error);
    process.exit(1);
  });
