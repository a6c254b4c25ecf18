import { readFileSync } from 'node:fs';
import { seeded, shuffle, TraceBuilder, zipf, type Trace } from '../../../controller/simulate/index.js';

/*
 * The workload of the paper's first experiment: a social network, in which users read timelines. A user's timeline has
 * the newest posts of the user (`ReadUserTimeline`) or of the user's friends (`ReadHomeTimeline`).
 */

/** For each user the numbers of the friends. */
export type SocialGraph = readonly (readonly number[])[];

/** The degrees of socfb-Reed98 (962 users, 18,812 edges), which the generated graph meets within 10 %. */
export const REED98 = { users: 962, edges: 18_812, median: 29, p90: 87, max: 313 };

/** Parses a list of edges: two names in each line; `%` and `#` begin comments. @throws Error without edges. */
export function parseEdges(text: string): SocialGraph {
  const numbers = new Map<string, number>();
  const friends: Set<number>[] = [];
  const user = (name: string): number => {
    let number = numbers.get(name);
    if (number === undefined) {
      numbers.set(name, (number = numbers.size));
      friends.push(new Set());
    }
    return number;
  };
  for (const line of text.split('\n')) {
    const [a, b] = line.trim().split(/[\s,]+/);
    if (a === undefined || a === '' || b === undefined || /^[%#]/.test(a) || a === b) continue;
    const [one, other] = [user(a), user(b)];
    friends[one]?.add(other);
    friends[other]?.add(one);
  }
  if (friends.length === 0) throw new Error('the graph has no edges: expected two users in each line');
  return friends.map((set) => [...set]);
}

export const readEdges = (file: string): SocialGraph => parseEdges(readFileSync(file, 'utf8'));

/** The number of friends below which a share `q` of the users of socfb-Reed98 lies, roughly. */
function degreeAt(q: number): number {
  const { median, p90, max } = REED98;
  if (q < 0.5) return 1 + (median - 1) * (2 * q) ** 1.15;
  if (q < 0.9) return median * (p90 / median) ** ((q - 0.5) / 0.4);
  // A little more at the end: the users with the most friends cannot be friends twice.
  return p90 + (1.05 * max - p90) * ((q - 0.9) / 0.1) ** 8;
}

/**
 * A graph like socfb-Reed98 at random: each user has a wish for a number of friends, and pairs become friends with a
 * probability in proportion to both wishes (Chung and Lu, 2002).
 */
export function generateGraph(seed: number): SocialGraph {
  const random = seeded(seed);
  const { users, edges } = REED98;
  const wishes = Float64Array.from({ length: users }, (_, i) => degreeAt((i + 0.5) / users));
  const total = wishes.reduce((sum, wish) => sum + wish, 0);
  const scale = (2 * edges) / total;
  const friends: Set<number>[] = Array.from({ length: users }, () => new Set());
  for (let a = 0; a < users; a++) {
    for (let b = a + 1; b < users; b++) {
      const probability = ((wishes[a] ?? 0) * (wishes[b] ?? 0) * scale) / total;
      if (random() >= Math.min(1, probability)) continue;
      friends[a]?.add(b);
      friends[b]?.add(a);
    }
  }
  // Users in random order, as in a real list.
  const order = shuffle(
    Int32Array.from({ length: users }, (_, i) => i),
    random,
  );
  return Array.from(order, (user) => Array.from(friends[user] ?? [], (friend) => order.indexOf(friend)));
}

export interface Degrees {
  readonly users: number;
  readonly edges: number;
  readonly median: number;
  readonly p90: number;
  readonly max: number;
}

export function degrees(graph: SocialGraph): Degrees {
  const sorted = graph.map(({ length }) => length).toSorted((a, b) => a - b);
  const at = (q: number): number => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? 0;
  return {
    users: sorted.length,
    edges: sorted.reduce((sum, degree) => sum + degree, 0) / 2,
    median: at(0.5),
    p90: at(0.9),
    max: sorted.at(-1) ?? 0,
  };
}

export interface SocialOptions {
  readonly requests: number;
  /** Each user has 0 to this many posts, uniformly. */
  readonly maxPosts: number;
  /** The newest posts that a timeline shows. */
  readonly page: number;
  /** Of Zipf's law, by which users are chosen. */
  readonly exponent: number;
  /** `user`: the requested user is the color of a request. `post`: each post is read by an invocation of its own. */
  readonly color: 'user' | 'post';
  /** Whether the two kinds come in random order; else they alternate. */
  readonly shuffled: boolean;
  /** The time between two requests, in ms. */
  readonly everyMs: number;
}

export const SOCIAL: SocialOptions = {
  requests: 72_000,
  maxPosts: 20,
  page: 10,
  exponent: 0.9,
  color: 'user',
  shuffled: true,
  everyMs: 10,
};

/** A request of the workload: its kind, its user, and the posts that it shows. */
export interface TimelineRequest {
  readonly kind: 'home' | 'user';
  readonly user: number;
  readonly posts: readonly string[];
}

/** The requests of the workload, half of each kind. The same for the same seed. */
export function timelineRequests(graph: SocialGraph, options: SocialOptions, seed: number): TimelineRequest[] {
  const random = seeded(seed);
  let posts = 0;
  // Posts are numbered in the order of their times: authors in random order, so that each one has old and new posts.
  const authors = graph.flatMap((_, user) =>
    Array.from({ length: Math.floor(random() * (options.maxPosts + 1)) }, () => user),
  );
  shuffle(authors, random);
  const own: number[][] = graph.map(() => []);
  for (const author of authors) own[author]?.push(posts++);
  const newest = (list: readonly number[]): string[] =>
    list
      .toSorted((a, b) => b - a)
      .slice(0, options.page)
      .map((post) => `post${post}`);
  const timelines = graph.map((friends, user) => ({
    user: newest(own[user] ?? []),
    home: newest(friends.flatMap((friend) => own[friend] ?? [])),
  }));
  // Popular users are not those with the smallest numbers.
  const ranks = shuffle(
    Int32Array.from(graph, (_, i) => i),
    random,
  );
  const draw = zipf(graph.length, options.exponent, random);
  const kinds = Array.from({ length: options.requests }, (_, i) => (i % 2 === 0 ? 'home' : 'user'));
  if (options.shuffled) shuffle(kinds, random);
  return kinds.map((kind) => {
    const user = ranks[draw()] ?? 0;
    return { kind, user, posts: timelines[user]?.[kind] ?? [] };
  });
}

/** The workload as a trace. Sizes are in posts. */
export function socialTrace(graph: SocialGraph, options: SocialOptions, seed: number): Trace {
  const builder = new TraceBuilder();
  timelineRequests(graph, options, seed).forEach(({ kind, user, posts }, i) => {
    const t = i * options.everyMs;
    const action = kind === 'home' ? 'ReadHomeTimeline' : 'ReadUserTimeline';
    if (options.color === 'user') {
      builder.add({ t, color: `user${user}`, action, reads: posts, ms: 2 });
    } else {
      for (const post of posts) builder.add({ t, color: post, action: 'ReadPost', reads: [post], ms: 2 });
    }
  });
  return builder.build();
}
