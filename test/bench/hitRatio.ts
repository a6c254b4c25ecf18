import { POLICY_NAMES } from '../../shared/colors/ColorPolicy.js';
import { testServer } from '../conformance/server.js';
import { Caller, readPosts, WORKLOAD } from './colorWorkload.js';

/*
 * npm run bench:colors
 *
 * What colors are worth: how often an invocation finds in memory what an earlier one left there, by each policy, on a server
 * with four invokers.
 */
const server = await testServer(['--process', '--invokers', '4', '--memory', '256', '--no-catalog']);
const caller = new Caller(server.base);
try {
  const { posts, invocations, parallel, exponent } = WORKLOAD;
  console.log(`${invocations} reads of ${posts} posts by Zipf's law (${exponent}), ${parallel} at a time, 4 invokers`);
  console.log('each invocation keeps the last 40 posts in memory\n');
  console.log('policy                found in memory   met its home');
  for (const policy of POLICY_NAMES) {
    const { memory, home } = await readPosts(caller, policy);
    const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
    console.log(`${policy.padEnd(22)}${percent(memory).padStart(15)}${percent(home).padStart(15)}`);
  }
} finally {
  await caller.close();
  await server.stop();
}
