import assert from 'node:assert/strict';
import { AdminError } from '../../../../../deploy/commands/admin/AdminError.js';
import { parseCommandLine, USAGE } from '../../../../../deploy/commands/admin/commandLine.js';
import { LIMIT_NAMES } from '../../../../../deploy/commands/admin/limits.js';

const parse = (line: string) => parseCommandLine(line.split(' ').filter((word) => word !== ''));

describe("the administrator's command line", () => {
  it("takes wskadmin's commands and options", () => {
    assert.deepEqual(parse('user create userA -ns space1 -r').command, {
      verb: 'user create',
      subject: 'userA',
      namespace: 'space1',
      auth: undefined,
      replace: true,
      generateOnly: false,
      silent: false,
    });
    assert.deepEqual(parse('user delete userB --namespace space1').command, {
      verb: 'user delete',
      subject: 'userB',
      namespace: 'space1',
    });
    assert.deepEqual(parse('user list space1 -a').command, {
      verb: 'user list',
      namespace: 'space1',
      limit: undefined,
      keysOnly: false,
      json: false,
    });
    assert.deepEqual(parse('user list space1 -k').command, {
      verb: 'user list',
      namespace: 'space1',
      limit: 1,
      keysOnly: true,
      json: false,
    });
    assert.deepEqual(parse('user list space1 --pick=3').command, {
      verb: 'user list',
      namespace: 'space1',
      limit: 3,
      keysOnly: false,
      json: false,
    });
    assert.deepEqual(parse('user block a b').command, { verb: 'user block', subjects: ['a', 'b'] });
    assert.deepEqual(parse('user grant userA space').command, {
      verb: 'user grant',
      subject: 'userA',
      namespace: 'space',
    });
    assert.deepEqual(parse('user revoke userA -ns space').command, {
      verb: 'user revoke',
      subject: 'userA',
      namespace: 'space',
    });
    assert.deepEqual(parse('--data dir db get whisks -w whisks.v2.1.0/actions --docs'), {
      command: { verb: 'db get', database: 'whisks', view: 'whisks.v2.1.0/actions', docs: true },
      data: 'dir',
    });
  });

  it('reads limits by their types; a list goes on to the next option', () => {
    const line =
      'limits set ns --invocationsPerMinute 1 --allowedKinds nodejs:20 python --storeActivations no --maxPayloadSize 2MB';
    assert.deepEqual(parse(line).command, {
      verb: 'limits set',
      namespace: 'ns',
      force: false,
      limits: {
        invocationsPerMinute: 1,
        allowedKinds: ['nodejs:20', 'python'],
        storeActivations: false,
        maxPayloadSize: '2 MB',
      },
    });
  });

  it('helps, and names every limit', () => {
    assert.equal(parse('').command.verb, 'help');
    assert.equal(parse('user --help').command.verb, 'help');
    for (const name of LIMIT_NAMES) assert.ok(USAGE.includes(name), name);
  });

  for (const [line, message] of [
    ['user', /unknown command "user"/],
    ['user make x', /unknown command "user make"/],
    ['constructor', /unknown command "constructor"/],
    ['constructor --json', /"constructor" takes no option json/],
    ['user create', /"user create" needs SUBJECT/],
    ['user create a b', /"user create" needs SUBJECT/],
    ['user create a --pick 2', /"user create" takes no option pick/],
    ['user create a --nonsense', /unknown option --nonsense/],
    ['user create a -ns', /-ns needs a value/],
    ['user create a --namespace=', /Namespace must not be empty/],
    ['user create a --invocationsPerMinute 1', /sets no limits/],
    ['user list ns -p 0', /pick at least 1/],
    ['data check x', /"data check" takes no other words/],
    ['user block', /needs one or more SUBJECT/],
    ['user grant a', /"user grant" needs SUBJECT NAMESPACE/],
    ['limits set ns', /needs one or more limits/],
    ['limits set ns --invocationsPerMinute many', /--invocationsPerMinute takes a whole number, not 'many'/],
    ['limits set ns --storeActivations maybe', /takes true or false/],
    ['limits set ns --maxPayloadSize 2048', /--maxPayloadSize takes a size such as '512 KB', not '2048'/],
    ['limits set ns --colorPolicy magic', /--colorPolicy is one of consistent-hashing, .*, not 'magic'/],
    ['db get other', /unknown database "other"/],
  ] as const) {
    it(`says what is wrong with: ${line}`, () => {
      assert.throws(
        () => parse(line),
        (error: Error) => {
          assert.ok(error instanceof AdminError);
          assert.equal(error.exitCode, 2);
          assert.match(error.message, message);
          return true;
        },
      );
    });
  }
});
