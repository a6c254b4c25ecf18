import { describeRuntimes, type Runtimes } from '../../../shared/runtimes/manifest.js';
import type { Limits } from '../../../shared/config/limits.js';
import type { JsonBody } from '../../http/respond.js';
import type { Build } from '../ControllerContext.js';

const MB = 1024 * 1024;

/** The page that describes the API, for people. */
const DOCUMENTATION = '/api/v1/docs';

/** The header `Link` (RFC 8631): the page for people, and the document for programs. */
export const DOCUMENTATION_LINKS = `<${DOCUMENTATION}>; rel="service-doc", </api/v1/api-docs>; rel="service-desc"`;

/**
 * The response to `GET /`. `wsk` reads limits and runtimes from it. The recorded answers fix its fields, so the name, the
 * version and the documentation of this program are in `description` and `support`.
 */
export function serviceInfo(limits: Limits, runtimes: Runtimes, { version }: Build): JsonBody {
  const { timeout, memory, logs } = limits;
  const bounds = (prefix: string): Record<string, number> => ({
    [`${prefix}min_action_duration`]: timeout.min,
    [`${prefix}max_action_duration`]: timeout.max,
    [`${prefix}min_action_memory`]: memory.min * MB,
    [`${prefix}max_action_memory`]: memory.max * MB,
    [`${prefix}min_action_logs`]: logs.min * MB,
    [`${prefix}max_action_logs`]: logs.max * MB,
  });
  return {
    description: `OpenWhisk, served by palette-whisk ${version}`,
    support: {
      documentation: DOCUMENTATION,
      github: 'https://github.com/apache/openwhisk/issues',
      slack: 'http://slack.openwhisk.org',
    },
    api_paths: ['/api/v1'],
    limits: {
      actions_per_minute: limits.invocationsPerMinute,
      triggers_per_minute: limits.firesPerMinute,
      concurrent_actions: limits.concurrentInvocations,
      sequence_length: limits.maxSequenceLength,
      ...bounds('default_'),
      ...bounds(''),
    },
    runtimes: describeRuntimes(runtimes),
  };
}

/** The response to `GET /api/v1`. */
export function apiInfo(build: Build): JsonBody {
  return {
    description: `OpenWhisk API, served by palette-whisk ${build.version}`,
    api_version: '1.0.0',
    api_version_path: 'v1',
    build: build.date,
    buildno: build.number,
    swagger_paths: { ui: '/docs', 'api-docs': '/api-docs' },
  };
}
