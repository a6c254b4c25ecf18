import type { Topic } from '../../shared/messaging/Messaging.js';
import type { Topics } from '../../shared/messaging/topics.js';

/**
 * The topic of a name without a prefix.
 * @throws Error for a name that no topic has.
 */
export function topicNamed(topics: Topics, name: string): Topic<unknown> {
  const [, kind, which = ''] = /^(invoker|completed|accepted)(.+)$/.exec(name) ?? [];
  const found =
    kind === 'invoker'
      ? topics.invoker(Number(which))
      : kind === 'completed' || kind === 'accepted'
        ? topics[kind](which)
        : [topics.health, topics.cacheInvalidation, topics.events, topics.colors, topics.controllers].find(
            (topic) => topic.name === name,
          );
  if (!found) throw new Error(`no topic has the name ${name}`);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a topic's name stands for one type of message
  return found as unknown as Topic<unknown>;
}
