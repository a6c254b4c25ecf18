import { strToU8, zipSync, type ZippableFile } from 'fflate';

/** The source of an action: text, or the base64 of a zip. */
export interface Source {
  readonly code: string;
  readonly main?: string;
  readonly binary?: boolean;
}

/** The same small programs in one language, for `runtimeSuite`. */
export interface Language {
  readonly name: string;
  readonly kind: string;
  /** The argument, with the fields `host`, `a` and `id` of the environment `__OW_API_HOST`, `A`, `__OW_ACTIVATION_ID`. */
  readonly environment: Source;
  readonly echo: Source;
  /** Prints `out N` to stdout and `err N` to stderr, N being the field `n` of its argument, without a last newline. */
  readonly logs: Source;
  /** Fails on its third line because of the user's code; `failsWith` matches its logs. */
  readonly fails: Source;
  readonly failsWith: RegExp;
  /** Returns a text instead of an object; `textLogs` matches its logs. */
  readonly text: Source;
  readonly textError: string;
  readonly textLogs: RegExp;
  /** Cannot be initialized; absent where only a run shows that. */
  readonly broken?: Source & { readonly error: RegExp; readonly logs: RegExp };
  /** A zip whose program reads the file `data/word` beside it, and runs the program `tool` with the file's text. */
  readonly zip: Source;
  /** A zip without the program. */
  readonly empty: Source & { readonly error: RegExp; readonly logs: RegExp };
  /** A function with another name than `main`; absent where programs have no functions. */
  readonly named?: Source;
  /** Fills the memory. */
  readonly fills: Source;
  /** Kills the runtime while it runs; absent where a program cannot. */
  readonly sleeps: Source;
}

/** The base64 of a zip. `tool` is executable. */
export function zipped(files: Record<string, string>): string {
  const entries = Object.entries(files).map(([name, text]): [string, ZippableFile] => {
    const mode = name === 'tool' || name === 'exec' ? 0o100755 : 0o100644;
    return [name, [strToU8(text), { os: 3, attrs: (mode << 16) >>> 0 }]];
  });
  return Buffer.from(zipSync(Object.fromEntries(entries))).toString('base64');
}

const TOOL = '#!/bin/sh\necho "tool: $1"\n';

export const nodejs: Language = {
  name: 'nodejs',
  kind: 'nodejs:20',
  environment: {
    code: `const main = (args) => ({
      ...args, host: process.env.__OW_API_HOST, a: process.env.A, id: process.env.__OW_ACTIVATION_ID })`,
  },
  echo: { code: 'const main = (args) => args' },
  logs: {
    code: 'function main({ n }) { process.stdout.write("out " + n); process.stderr.write("err " + n); return {} }',
  },
  fails: {
    code: '// one\n// two\nasync function main() { console.error(new Error("user").stack); throw new Error("user") }',
  },
  failsWith: /action\.js:3:/,
  text: { code: 'const main = () => "text"' },
  textError: 'The action did not return a dictionary.',
  textLogs: /Result must be of type object/,
  broken: { code: 'function main( {', error: /SyntaxError/, logs: /SyntaxError/ },
  zip: {
    binary: true,
    code: zipped({
      'index.js': `exports.main = () => ({ said: require('child_process').execFileSync('./tool',
        [require('fs').readFileSync('data/word', 'utf8')]).toString().trim() })`,
      'data/word': 'word',
      tool: TOOL,
    }),
  },
  empty: {
    binary: true,
    code: zipped({ 'a.txt': '' }),
    error: /must contain either package\.json or index\.js/,
    logs: /index\.js/,
  },
  named: { code: 'const other = (args) => args', main: 'other' },
  fills: {
    code: 'function main() { const all = []; for (;;) all.push(new Array(1e5).fill(0).map((_, i) => ({ i }))) }',
  },
  sleeps: { code: 'const main = () => new Promise(() => setInterval(() => {}, 1000))' },
};

export const python: Language = {
  name: 'python',
  kind: 'python:3',
  environment: {
    code: `import os
def main(args):
    env = os.environ
    return {**args, "host": env["__OW_API_HOST"], "a": env["A"], "id": env["__OW_ACTIVATION_ID"]}`,
  },
  echo: { code: 'def main(args):\n    return args' },
  logs: {
    code: `import sys
def main(args):
    print("out", args["n"], end="")
    print("err", args["n"], end="", file=sys.stderr)
    return {}`,
  },
  fails: { code: '# one\ndef main(args):\n    return {"x": 1 / 0}' },
  failsWith: /Traceback[^]*__main__\.py", line 3, in main[^]*ZeroDivisionError: division by zero/,
  text: { code: 'def main(args):\n    return "text"' },
  textError: 'The action did not return a dictionary or array.',
  textLogs: /The result must be a dict or a list, but is a str/,
  broken: {
    code: '# one\ndef main(args:\n',
    error: /^The action failed to generate or locate a binary\. See logs for details\.$/,
    logs: /__main__\.py", line 2[^]*SyntaxError/,
  },
  zip: {
    binary: true,
    code: zipped({
      '__main__.py': `from helper import say
def main(args):
    with open("data/word") as file:
        return {"said": say(file.read())}`,
      'helper.py': `import subprocess
def say(word):
    return subprocess.check_output(["./tool", word], text=True).strip()`,
      'data/word': 'word',
      tool: TOOL,
    }),
  },
  empty: {
    binary: true,
    code: zipped({ 'a.txt': '' }),
    error: /^The action failed to generate or locate a binary\. See logs for details\.$/,
    logs: /Zip file does not include __main__\.py/,
  },
  named: { code: 'def other(args):\n    return args', main: 'other' },
  fills: { code: 'def main(args):\n    kept = []\n    while True:\n        kept.append(list(range(100000)))' },
  sleeps: { code: 'import time\ndef main(args):\n    time.sleep(1000)' },
};

export const native: Language = {
  name: 'native',
  kind: 'blackbox',
  environment: {
    code: `#!/bin/sh
printf '%s, "host": "%s", "a": "%s", "id": "%s"}' "\${1%\\}}" "$__OW_API_HOST" "$A" "$__OW_ACTIVATION_ID"`,
  },
  echo: { code: '#!/bin/sh\ncat' },
  logs: {
    code: `#!/bin/sh
n=\${1#*:}
printf 'out %s\\n{}' "\${n%\\}}"
printf 'err %s' "\${n%\\}}" >&2`,
  },
  fails: { code: '#!/bin/sh\n# two\nset -u; echo "$undefined"' },
  failsWith: /exec: 3: undefined: parameter not set|exec: line 3: undefined: /,
  text: { code: '#!/bin/sh\necho text' },
  textError: 'The action did not return a dictionary or array.',
  // An engine does not promise the order of lines on different streams.
  textLogs:
    /^(?=[^]*stdout: text)(?=[^]*stderr: The last line of stdout must be a JSON object or array\. The program ended with status 0)/,
  zip: {
    binary: true,
    code: zipped({
      exec: '#!/bin/sh\nread -r word < data/word\nprintf \'{"said": "%s"}\' "$(./tool "$word")"\n',
      'data/word': 'word\n',
      tool: TOOL,
    }),
  },
  empty: {
    binary: true,
    code: zipped({ 'a.txt': '' }),
    error: /^The action failed to generate or locate a binary\. See logs for details\.$/,
    logs: /The archive does not include a program `exec`/,
  },
  fills: { code: '#!/bin/sh\nwhile :; do x="$x$x$x aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"; done' },
  sleeps: { code: '#!/bin/sh\nsleep 1000' },
};
