import assert from 'node:assert/strict';
import {
  degrees,
  generateGraph,
  parseEdges,
  REED98,
  SOCIAL,
  socialTrace,
  timelineRequests,
} from '../../../bench/palette/socialNetwork.js';

describe('the social network of the experiments', () => {
  for (let seed = 1; seed <= 8; seed++) {
    it(`has a generated graph whose degrees are within 10 % of those of socfb-Reed98, with seed ${seed}`, () => {
      const graph = generateGraph(seed);
      const found = degrees(graph);
      for (const key of ['users', 'edges', 'median', 'p90', 'max'] as const) {
        assert.ok(Math.abs(found[key] / REED98[key] - 1) <= 0.1, `${key} is ${found[key]} instead of ${REED98[key]}`);
      }
      graph.forEach((friends, user) => {
        for (const friend of friends) assert.ok(graph[friend]?.includes(user) === true && friend !== user);
      });
    });
  }

  it('reads edges in both directions once, without comments and loops', () => {
    assert.deepEqual(parseEdges('% comment\na b\nb a\nb c\nc c\n\n'), [[1], [0, 2], [1]]);
    assert.throws(() => parseEdges('% nothing'), /no edges/);
  });

  const graph = generateGraph(1);
  const options = { ...SOCIAL, requests: 5000 };

  it('has half of the requests of each kind, in random order or in turns, with the newest posts', () => {
    const requests = timelineRequests(graph, options, 1);
    assert.equal(requests.filter(({ kind }) => kind === 'home').length, 2500);
    assert.ok(requests.some(({ kind }, i) => kind === requests[i + 1]?.kind));
    const turns = timelineRequests(graph, { ...options, shuffled: false }, 1);
    assert.ok(turns.every(({ kind }, i) => kind === (i % 2 === 0 ? 'home' : 'user')));
    for (const { posts } of requests) {
      const numbers = posts.map((post) => Number(post.slice(4)));
      assert.ok(numbers.length <= 10);
      assert.deepEqual(
        numbers,
        numbers.toSorted((a, b) => b - a),
      );
    }
  });

  it('has the same trace each time, with the user as the color, or an invocation for each post', () => {
    assert.deepEqual(socialTrace(graph, options, 1), socialTrace(graph, options, 1));
    const byUser = socialTrace(graph, options, 1);
    const byPost = socialTrace(graph, { ...options, color: 'post' }, 1);
    assert.equal(byUser.t.length, 5000);
    assert.equal(byPost.t.length, byUser.reads.length);
    assert.deepEqual(new Set(byPost.colors), new Set(byPost.objects));
  });
});
