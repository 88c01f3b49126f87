// Decides cases with an independent policy simulator, for the differential test beside this file.
//
// One JSON object a line comes in, one a line goes out, in the same order:
//   in:  { principal, action, resource, owner, context, identity, resourcePolicy, session, boundary, scps, rcps }
//   out: { outcome } with the words of our own engine, { error } where the simulator refuses the case,
//        { ignored } naming condition keys that it does not look at.
//
// The simulator is a package of its own (AGPL-3.0-or-later), installed beside the other tools of the tests. It is
// found from the working directory, never from this file.

import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const require = createRequire(`${process.cwd()}/`);
const entry = require.resolve("@cloud-copilot/iam-simulate");
const { anonymousPrincipal, runSimulation } = await import(pathToFileURL(entry));

const WORDS = { Allowed: "allow", ImplicitlyDenied: "implicit_deny", ExplicitlyDenied: "explicit_deny" };

const named = (policies) => policies.map((policy, index) => ({ name: `p${index}`, policy }));

async function decide(line) {
  const test = JSON.parse(line);
  const result = await runSimulation(
    {
      request: {
        principal: test.principal ?? anonymousPrincipal,
        action: test.action,
        resource: { resource: test.resource, accountId: test.owner },
        contextVariables: test.context,
      },
      identityPolicies: named(test.identity),
      serviceControlPolicies: test.scps.map((level, index) => ({
        orgIdentifier: `level${index}`,
        policies: named(level),
      })),
      resourceControlPolicies: test.rcps.length === 0 ? [] : [{ orgIdentifier: "root", policies: named(test.rcps) }],
      resourcePolicy: test.resourcePolicy ?? undefined,
      sessionPolicy: test.session ?? undefined,
      permissionBoundaryPolicies: test.boundary ? named([test.boundary]) : undefined,
    },
    {},
  );
  if (result.resultType !== "single") {
    return { error: JSON.stringify(result.errors ?? result.resultType) };
  }
  const ignored = result.result.ignoredContextKeys ?? [];
  return ignored.length > 0 ? { ignored } : { outcome: WORDS[result.overallResult] };
}

for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  let answer;
  try {
    answer = await decide(line);
  } catch (error) {
    answer = { error: String(error?.stack ?? error) };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
