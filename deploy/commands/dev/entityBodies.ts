import type { JsonObject, KeyValue } from '../../../shared/entities/keyvalue.js';
import { sequenceComponents, webAnnotations } from '../verbs/action.js';
import { keyValueJson, type Entity } from './entities.js';
import {
  parametersOf,
  type ManifestAction,
  type ManifestPackage,
  type ManifestRule,
  type ManifestSequence,
  type ManifestTrigger,
  type Variables,
} from './manifest.js';

/* The bodies of the entities that a manifest describes. */

/** Of a sequence. A name without a package is that of an action of this package. @throws CommandError */
export function sequenceBody({ actions, ...marks }: ManifestSequence, prefix: string): Pick<Entity, 'body'> {
  const list = typeof actions === 'string' ? actions : actions.join(',');
  const names = list.split(',').map((step) => (step.trim().includes('/') ? step.trim() : `${prefix}${step.trim()}`));
  const exec: JsonObject = { kind: 'sequence', components: sequenceComponents(names.join(',')) };
  return { body: { exec, annotations: markedAnnotations(marks).map(keyValueJson) } };
}

/** Of a trigger. @throws ManifestError */
export function triggerContent(said: ManifestTrigger, variables: Variables): Pick<Entity, 'body' | 'feed'> {
  const feed = said.feed ?? said.source;
  const parameters = parametersOf(said, variables);
  const annotations = [...annotationList(said), ...(feed === undefined ? [] : [{ key: 'feed', value: feed }])];
  return {
    body: {
      parameters: (feed === undefined ? parameters : []).map(keyValueJson),
      annotations: annotations.map(keyValueJson),
    },
    ...(feed === undefined ? {} : { feed: { action: feed, parameters } }),
  };
}

/** Of a rule. @throws CommandError */
export function ruleBody(said: ManifestRule, prefix: string): Pick<Entity, 'body'> {
  const { trigger, action } = said;
  const [to = ''] = sequenceComponents(action.includes('/') ? action : `${prefix}${action}`);
  return { body: { trigger: `/_/${trigger}`, action: to, annotations: annotationList(said).map(keyValueJson) } };
}

/** The annotations, and the description as one of them. */
export function annotationList({
  annotations = {},
  description,
}: Pick<ManifestPackage, 'annotations' | 'description'>) {
  const all = { ...(description === undefined ? {} : { description }), ...annotations };
  return Object.entries(all).map(([key, value]): KeyValue => ({ key, value }));
}

/** The annotations, and those of `web`, `color` and `conductor`. */
export function markedAnnotations(
  said: Pick<ManifestAction, 'annotations' | 'description' | 'web' | 'web-export' | 'color' | 'conductor'>,
): KeyValue[] {
  const web = said.web ?? said['web-export'];
  return [
    ...annotationList(said),
    ...(said.conductor === true ? [{ key: 'conductor', value: true }] : []),
    ...(web === undefined ? [] : webAnnotations(String(web))),
    ...(said.color === undefined ? [] : [{ key: 'color', value: said.color }]),
  ];
}
