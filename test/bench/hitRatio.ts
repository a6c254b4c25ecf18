import { availableParallelism, loadavg } from 'node:os';
import { POLICY_NAMES } from '../../shared/colors/ColorPolicy.js';
import { testServer } from '../conformance/server.js';
import { Caller, readPosts, WORKLOAD } from './colorWorkload.js';
import { benchArguments } from './commandLine.js';

/*
 * npm run bench:colors
 *
 * What colors are worth: how often an invocation finds in memory what an earlier one left there, by each policy, on a server
 * with four invokers.
 */

const USAGE = `Usage: node dist/test/bench/hitRatio.js

Measures how often an invocation finds its data in memory, by each color policy, on a server with four invokers.
`;
benchArguments(USAGE);

const server = await testServer(['--process', '--invokers', '4', '--memory', '256', '--no-catalog']);
const caller = new Caller(server.base);
try {
  const { posts, warmUp, invocations, parallel, exponent, hitMs, missMs } = WORKLOAD;
  const load = loadavg()[0] ?? NaN;
  console.log(
    `${invocations} reads of ${posts} posts by Zipf's law (${exponent}), after ${warmUp} others; ${parallel} at a time,`,
  );
  console.log(`4 invokers with 8 slots; the last 40 posts are in memory: ${hitMs} ms, others ${missMs} ms`);
  console.log(`load average ${load.toFixed(1)} on ${availableParallelism()} cores\n`);
  console.log('policy                found in memory   met its home   run at a time');
  for (const policy of POLICY_NAMES) {
    const { memory, home, running } = await readPosts(caller, policy);
    const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
    console.log(
      `${policy.padEnd(22)}${percent(memory).padStart(15)}${percent(home).padStart(15)}${running.toFixed(1).padStart(16)}`,
    );
  }
} finally {
  await caller.close();
  await server.stop();
}
