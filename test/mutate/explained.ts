/** A mutant that no test can notice, and why. */
export interface Explained {
  readonly file: string;
  /** The compiled line, and what the mutant makes of it; both without the space around them. */
  readonly line: string;
  readonly becomes: string;
  readonly reason: string;
}

export const EXPLAINED: readonly Explained[] = [
  {
    file: 'invoker/pool/WarmGroup',
    line: '#lowest = 0;',
    becomes: '#lowest = 1;',
    reason: 'It is a lower bound, and `add` lowers it for the first container with no color.',
  },
  {
    file: 'invoker/pool/WarmGroup',
    line: 'for (; this.#lowest < this.#heads.length; this.#lowest++) {',
    becomes: 'for (; this.#lowest <= this.#heads.length; this.#lowest++) {',
    reason: 'The list one past the last is undefined, so the loop goes on to its end; `add` lowers the bound again.',
  },
  {
    file: 'controller/loadbalancer/cluster',
    line: 'export const NOTHING_HEARD = { own: 0, others: new Map() };',
    becomes: 'export const NOTHING_HEARD = { own: 1, others: new Map() };',
    reason:
      'Only differences between two counts of own heartbeats are compared; where the count begins does not matter.',
  },
  {
    file: 'controller/loadbalancer/patience',
    line: 'const NOWHERE = -1;',
    becomes: 'const NOWHERE = -2;',
    reason: 'Any number that is not the number of an invoker serves; those are 0 and up.',
  },
  {
    file: 'controller/loadbalancer/patience',
    line: '#patienceMs = 0;',
    becomes: '#patienceMs = 1;',
    reason: '`begin` sets it before each invocation.',
  },
  {
    file: 'controller/loadbalancer/patience',
    line: '#homes = 1;',
    becomes: '#homes = 2;',
    reason: '`begin` sets it before each invocation.',
  },
  {
    file: 'controller/loadbalancer/patience',
    line: '#bestRank = 0;',
    becomes: '#bestRank = 1;',
    reason: 'It is read only where there is a best invoker, and set together with it.',
  },
  {
    file: 'controller/loadbalancer/patience',
    line: '#bestWait = 0;',
    becomes: '#bestWait = 1;',
    reason: 'It is read only where there is a best invoker, and set together with it.',
  },
  {
    file: 'controller/loadbalancer/patience',
    line: '#bestLoad = 0;',
    becomes: '#bestLoad = 1;',
    reason: 'It is read only where there is a best invoker, and set together with it.',
  },
  {
    file: 'invoker/pool/Backlog',
    line: '#passes = 0;',
    becomes: '#passes = 1;',
    reason: 'No job passes before one has its turn, and then the count begins at 0.',
  },
  {
    file: 'invoker/pool/FairQueue',
    line: 'this.#flowOf(item).items.insert(item, (other) => other.arrival < item.arrival);',
    becomes: 'this.#flowOf(item).items.insert(item, (other) => other.arrival <= item.arrival);',
    reason: 'No two activations have the same arrival, and the one that is put back is not in the queue.',
  },
  {
    file: 'invoker/pool/FairQueue',
    line: 'if (!action || !item)',
    becomes: 'if (!action && !item)',
    reason: 'Both are there or neither: an action leaves the map with its last activation.',
  },
  {
    file: 'invoker/pool/FairQueue',
    line: 'return this.items.peek()?.memoryMB ?? 0;',
    becomes: 'return this.items.peek()?.memoryMB ?? 1;',
    reason: 'An action in a round has an activation: it leaves the round with its last one, before a cost is read.',
  },
  {
    file: 'invoker/pool/FairQueue',
    line: 'return this.actions.current?.cost ?? 0;',
    becomes: 'return this.actions.current?.cost ?? 1;',
    reason: 'A namespace in a round has an action: it leaves the round with its last one, before a cost is read.',
  },
  {
    file: 'invoker/pool/InstanceWaits',
    line: 'this.#byFlow.set(job.flow, (waiting = { jobs: new Queue(), last: 0 }));',
    becomes: 'this.#byFlow.set(job.flow, (waiting = { jobs: new Queue(), last: 1 }));',
    reason:
      'A first job with the arrival 1 is inserted into the empty list instead of pushed, and later ones are above 1.',
  },
  {
    file: 'invoker/pool/InstanceWaits',
    line: 'if (job.arrival > waiting.last) {',
    becomes: 'if (job.arrival >= waiting.last) {',
    reason: 'Only the job that was last comes back with the same arrival, and its place is the end of the list.',
  },
  {
    file: 'invoker/pool/InstanceWaits',
    line: 'waiting.jobs.insert(job, (other) => other.arrival < job.arrival);',
    becomes: 'waiting.jobs.insert(job, (other) => other.arrival <= job.arrival);',
    reason: 'No two jobs have the same arrival, and the one that comes back is not in the list.',
  },
  {
    file: 'controller/loadbalancer/schedule',
    line: 'for (let looked = 0; looked < count; looked++) {',
    becomes: 'for (let looked = 0; looked <= count; looked++) {',
    reason: 'After all invokers the walk is back at the first one, which had no room.',
  },
  {
    file: 'controller/loadbalancer/schedule',
    line: 'for (let prime = 2; prime < count; prime++) {',
    becomes: 'for (let prime = 2; prime <= count; prime++) {',
    reason: 'The count divides itself, so it is no step size.',
  },
  {
    file: 'controller/loadbalancer/schedule',
    line: 'for (let multiple = prime * prime; multiple < count; multiple += prime)',
    becomes: 'for (let multiple = prime * prime; multiple <= count; multiple += prime)',
    reason: 'The mark of the count itself lies behind the end of the array, and is not read.',
  },
  {
    file: 'controller/loadbalancer/supervision',
    line: 'for (let gap = list.length; gap < instance; gap++) {',
    becomes: 'for (let gap = list.length; gap <= instance; gap++) {',
    reason: 'The entry of the changed invoker itself is overwritten right after the loop.',
  },
  {
    file: 'shared/store/ReadThroughCache',
    line: 'const waitMs = Math.max(0, stale.patienceMs - (this.#bounds.now() - begun));',
    becomes: 'const waitMs = Math.max(1, stale.patienceMs - (this.#bounds.now() - begun));',
    reason: 'Node.js makes a timer of 0 ms one of 1 ms.',
  },
  {
    file: 'invoker/pool/decide',
    line: 'return 32 - Math.clz32(Math.max(0, now - entry.lastUsed) / 1000);',
    becomes: 'return 32 - Math.clz32(Math.max(1, now - entry.lastUsed) / 1000);',
    reason: 'Times of less than a second are one class, so that 0 ms and 1 ms are alike.',
  },
  {
    file: 'shared/colors/Ring',
    line: 'const walk = ++this.#walk >>> 0;',
    becomes: 'const walk = --this.#walk >>> 0;',
    reason: 'Walks need numbers that differ; 2^32 of them differ whichever way they are counted.',
  },
  {
    file: 'shared/colors/Ring',
    line: '#walk = 0;',
    becomes: '#walk = 1;',
    reason: 'Walks need numbers that differ, and not 0; the first one gets 2 instead of 1.',
  },
  {
    file: 'shared/colors/Ring',
    line: 'const top = (this.#members.at(-1) ?? 0) + 1;',
    becomes: 'const top = (this.#members.at(-1) ?? 1) + 1;',
    reason: 'There is a last member: one was just added.',
  },
  {
    file: 'shared/colors/Ring',
    line: 'const top = (this.#members.at(-1) ?? 0) + 1;',
    becomes: 'const top = (this.#members.at(-1) ?? 0) + 2;',
    reason: 'The arrays are one longer than they need to be.',
  },
  {
    file: 'shared/colors/Ring',
    line: 'if (this.#met.length < top) {',
    becomes: 'if (this.#met.length <= top) {',
    reason: 'The arrays grow one member sooner than they need to.',
  },
  {
    file: 'shared/colors/Ring',
    line: 'this.#met = new Uint32Array(top * 2);',
    becomes: 'this.#met = new Uint32Array(top * 3);',
    reason: 'How much longer than needed the array becomes changes only how often it grows.',
  },
  {
    file: 'shared/colors/Ring',
    line: 'this.#isMember = new Uint8Array(top * 2);',
    becomes: 'this.#isMember = new Uint8Array(top * 3);',
    reason: 'How much longer than needed the array becomes changes only how often it grows.',
  },
  {
    file: 'shared/colors/Ring',
    line: 'for (let step = 0; step < count; step++) {',
    becomes: 'for (let step = 0; step <= count; step++) {',
    reason: 'After all points the walk is back at the first one, whose member did not suit.',
  },
  {
    file: 'shared/colors/Ring',
    line: 'walk(point, limit, accepts, skip = -1, rank = 0) {',
    becomes: 'walk(point, limit, accepts, skip = -2, rank = 0) {',
    reason: 'Neither is the number of a member, and a typed array takes neither as an index.',
  },
  {
    file: 'shared/colors/Ring',
    line: 'const all = this.#members.length - (this.has(skip) ? 1 : 0);',
    becomes: 'const all = this.#members.length + (this.has(skip) ? 1 : 0);',
    reason:
      'It ends a walk as soon as all were asked; without it the walk goes on past members that were met, to its last point.',
  },
  {
    file: 'shared/colors/Ring',
    line: 'for (let step = 1; step < count && left > 0 && met < all; step++) {',
    becomes: 'for (let step = 1; step < count && left > 0 && met <= all; step++) {',
    reason:
      'It ends a walk as soon as all were asked; without it the walk goes on past members that were met, to its last point.',
  },
  {
    file: 'shared/colors/Ring',
    line: 'for (let step = 1; step < count && left > 0 && met < all; step++) {',
    becomes: 'for (let step = 1; step <= count && left > 0 && met < all; step++) {',
    reason: 'After all points the walk is back at the first one, whose member was met.',
  },
  {
    file: 'shared/colors/Ring',
    line: 'for (let step = 1; step < count && left > 0 && met < all; step++) {',
    becomes: 'for (let step = 1; step < count && left > 0 && met < all; step--) {',
    reason: 'Each member has a point, so that all are met within one round, and `met < all` ends the walk.',
  },
  {
    file: 'shared/colors/Ring',
    line: 'if (this.#earned(member, unit) < (this.#counts.get(member) ?? 0))',
    becomes: 'if (this.#earned(member, unit) <= (this.#counts.get(member) ?? 0))',
    reason: 'A member with the right number of points loses them, and gets the same ones again.',
  },
  {
    file: 'shared/colors/Ring',
    line: 'if (this.#earned(member, unit) < (this.#counts.get(member) ?? 0))',
    becomes: 'if (this.#earned(member, unit) < (this.#counts.get(member) ?? 1))',
    reason: 'A member earns at least one point, so that a new one is not below 1.',
  },
  {
    file: 'shared/colors/Ring',
    line: 'if (shrunk.size > 0)',
    becomes: 'if (shrunk.size >= 0)',
    reason: 'To drop the points of no member copies the others.',
  },
  {
    file: 'shared/colors/Ring',
    line: 'if (added.length > 0)',
    becomes: 'if (added.length >= 0)',
    reason: 'To merge no points copies the others.',
  },
  {
    file: 'shared/colors/Ring',
    line: 'if (key !== undefined && key < oldKey) {',
    becomes: 'if (key !== undefined && key <= oldKey) {',
    reason: 'Two equal keys are the same point of the same member, in whichever order.',
  },
  {
    file: 'shared/colors/buckets',
    line: 'export function reconcile(owners, members, weightOf = () => 1, settling) {',
    becomes: 'export function reconcile(owners, members, weightOf = () => 2, settling) {',
    reason: 'A share is a weight over the sum of all: a factor that all have cancels out.',
  },
  {
    file: 'shared/colors/buckets',
    line: 'export function rebalance(owners, uses, reported, to, maxMoves, weightOf = () => 1) {',
    becomes: 'export function rebalance(owners, uses, reported, to, maxMoves, weightOf = () => 2) {',
    reason:
      'Twice the weights halve the mean and the load shares, and the bounds multiply them by a weight: the factor cancels out, and exactly, since it is a power of two.',
  },
  {
    file: 'shared/colors/buckets',
    line: 'const weightsOfAll = weights ?? all.map(() => 1);',
    becomes: 'const weightsOfAll = weights ?? all.map(() => 2);',
    reason: 'The highest load by weight is halved, and the sum of the weights doubled.',
  },
  {
    file: 'shared/colors/buckets',
    line: 'if (share > max)',
    becomes: 'if (share >= max)',
    reason: 'A share equal to the highest one replaces it with the same number.',
  },
  {
    file: 'controller/loadbalancer/Warmth',
    line: 'if (step < 1) {',
    becomes: 'if (step <= 1) {',
    reason: 'An invoker that is warm is then kept with a warmth of 1, as one that is not kept.',
  },
  {
    file: 'controller/loadbalancer/Warmth',
    line: 'if (step < 1) {',
    becomes: 'if (step < 2) {',
    reason: 'An invoker that is warm is then kept with a warmth of 1, as one that is not kept.',
  },
  {
    file: 'controller/loadbalancer/Warmth',
    line: 'if (now - at >= this.#moveMs)',
    becomes: 'if (now - at > this.#moveMs)',
    reason: 'The return is forgotten a step later; by then every color may use the invoker.',
  },
  {
    file: 'controller/loadbalancer/RecentActions',
    line: 'if (action.rate >= FORGET_RATE)',
    becomes: 'if (action.rate > FORGET_RATE)',
    reason: 'No average of whole numbers is exactly this rate.',
  },
  {
    file: 'invoker/objects/memory/Room',
    line: 'const fullest = all.reduce((most, each) => (each.objects > most.objects ? each : most));',
    becomes: 'const fullest = all.reduce((most, each) => (each.objects >= most.objects ? each : most));',
    reason: 'Of two namespaces with equally many objects, either may lose one.',
  },
  {
    file: 'invoker/objects/memory/Room',
    line: 'const [victim] = victims(this.#parts.index.namespaces.values(), boundBytes, undefined, 1, 0) ?? [];',
    becomes: 'const [victim] = victims(this.#parts.index.namespaces.values(), boundBytes, undefined, 1, 1) ?? [];',
    reason: 'No namespace makes the request, so its bytes count for none.',
  },
  {
    file: 'invoker/objects/memory/Room',
    line: 'if (missing <= 0 || bytes <= 0)',
    becomes: 'if (missing < 0 || bytes <= 0)',
    reason: 'If nothing is missing, the victims of an eviction are none.',
  },
  {
    file: 'invoker/objects/memory/victims',
    line: 'return used > share ? [{ used, rest: owner.recency[Symbol.iterator](), next: undefined }] : [];',
    becomes: 'return used >= share ? [{ used, rest: owner.recency[Symbol.iterator](), next: undefined }] : [];',
    reason: 'A namespace that has its share to the byte is passed over when a victim is chosen.',
  },
  {
    file: 'invoker/objects/memory/Expiries',
    line: 'if (last - this.#first > this.#steps.size) {',
    becomes: 'if (last - this.#first >= this.#steps.size) {',
    reason: 'Both ways find the same items in the same order. The condition is about their time.',
  },
  {
    file: 'invoker/objects/memory/Expiries',
    line: 'if (last - this.#first > this.#steps.size) {',
    becomes: 'if (last + this.#first > this.#steps.size) {',
    reason: 'Both ways find the same items in the same order. The condition is about their time.',
  },
  {
    file: 'invoker/objects/memory/Expiries',
    line: 'this.#first = this.#size === 0 ? Number.POSITIVE_INFINITY : last + 1;',
    becomes: 'this.#first = this.#size === 0 ? Number.POSITIVE_INFINITY : last - 1;',
    reason: 'The next search begins at a step that is empty, and takes longer.',
  },
  {
    file: 'shared/objects/parseRequest',
    line: 'const path = mark < 0 ? url : url.slice(0, mark);',
    becomes: 'const path = mark <= 0 ? url : url.slice(0, mark);',
    reason: 'A URL that begins with the question mark has no color. It is refused before its query is used.',
  },
  {
    file: 'shared/objects/parseRequest',
    line: 'const path = mark < 0 ? url : url.slice(0, mark);',
    becomes: 'const path = mark < 1 ? url : url.slice(0, mark);',
    reason: 'A URL that begins with the question mark has no color. It is refused before its query is used.',
  },
  {
    file: 'shared/objects/parseRequest',
    line: 'const query = mark < 0 ? NONE : queryOf(url.slice(mark + 1));',
    becomes: 'const query = mark <= 0 ? NONE : queryOf(url.slice(mark + 1));',
    reason: 'A URL that begins with the question mark has no color. It is refused before its query is used.',
  },
  {
    file: 'shared/objects/parseRequest',
    line: 'const query = mark < 0 ? NONE : queryOf(url.slice(mark + 1));',
    becomes: 'const query = mark < 1 ? NONE : queryOf(url.slice(mark + 1));',
    reason: 'A URL that begins with the question mark has no color. It is refused before its query is used.',
  },
  {
    file: 'shared/objects/ObjectToken',
    line: 'if (dot < 0)',
    becomes: 'if (dot <= 0)',
    reason: 'Nobody signs empty claims, so a text that begins with the dot is refused by its signature.',
  },
  {
    file: 'shared/objects/ObjectToken',
    line: 'if (dot < 0)',
    becomes: 'if (dot < 1)',
    reason: 'Nobody signs empty claims, so a text that begins with the dot is refused by its signature.',
  },
  {
    file: 'shared/objects/peerHeader',
    line: 'if (dot < 0)',
    becomes: 'if (dot <= 0)',
    reason: 'Nobody signs empty claims, so a text that begins with the dot is refused by its signature.',
  },
  {
    file: 'shared/objects/peerHeader',
    line: 'if (dot < 0)',
    becomes: 'if (dot < 1)',
    reason: 'Nobody signs empty claims, so a text that begins with the dot is refused by its signature.',
  },
  {
    file: 'shared/objects/objectPath',
    line: "const color = decoded('color', slash < 0 ? path.slice(1) : path.slice(1, slash), MAX_COLOR_BYTES);",
    becomes: "const color = decoded('color', slash <= 0 ? path.slice(1) : path.slice(1, slash), MAX_COLOR_BYTES);",
    reason: 'The second slash is never at 0, where the first one is.',
  },
  {
    file: 'shared/objects/objectPath',
    line: "const color = decoded('color', slash < 0 ? path.slice(1) : path.slice(1, slash), MAX_COLOR_BYTES);",
    becomes: "const color = decoded('color', slash < 1 ? path.slice(1) : path.slice(1, slash), MAX_COLOR_BYTES);",
    reason: 'The second slash is never at 0, where the first one is.',
  },
  {
    file: 'shared/objects/objectPath',
    line: 'if (slash < 0)',
    becomes: 'if (slash <= 0)',
    reason: 'The second slash is never at 0, where the first one is.',
  },
  {
    file: 'shared/objects/objectPath',
    line: 'if (slash < 0)',
    becomes: 'if (slash < 1)',
    reason: 'The second slash is never at 0, where the first one is.',
  },
];
