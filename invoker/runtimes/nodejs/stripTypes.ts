import * as nodeModule from 'node:module';
import { isFunction } from './properties.js';
import { faultOf, type SyntaxFault } from './syntax.js';

type Strip = (code: string) => string;

export type Stripped =
  | { readonly code: string }
  /** `isTypeScript`: the code parses as TypeScript, but has a feature that a removal of types does not support. */
  | { readonly fault: SyntaxFault; readonly isTypeScript: boolean };

const UNSUPPORTED =
  'An action’s types are only removed. Write the code without this feature, or compile it before you create the action.';

/**
 * Replaces the types of TypeScript by spaces, so that lines and columns stay. Node.js does it from 22.13 on; before, the
 * same parser does it as a package.
 */
export function stripTypes(code: string): Stripped {
  try {
    return { code: typeStripper()(code) };
  } catch (error) {
    const fault = faultOf(error) ?? faultOfPackage(String(error));
    const isTypeScript = /is not supported in strip-only mode/.test(fault.message);
    return { fault: isTypeScript ? { ...fault, message: `${fault.message}. ${UNSUPPORTED}` } : fault, isTypeScript };
  }
}

/** @throws Error if neither Node.js nor the package `amaro` is there */
function typeStripper(): Strip {
  const native: unknown = Reflect.get(nodeModule, 'stripTypeScriptTypes');
  if (typeof native === 'function') return (code) => String(Reflect.apply(native, undefined, [code]));
  const amaro: unknown = nodeModule.createRequire(import.meta.url)('amaro');
  const transform: unknown = Reflect.get(Object(amaro), 'transformSync');
  if (!isFunction(transform)) throw new Error('the package amaro has no transformSync');
  return (code) => String(Reflect.get(Object(transform(code, { mode: 'strip-only' })), 'code'));
}

/** The fault in a text of the package: a message, then numbered lines with a mark below the place. */
function faultOfPackage(said: string): SyntaxFault {
  const message = /^\s*x (.*)$/m.exec(said)?.[1] ?? said;
  const shown = /^ *(\d+) \| (.*)\n +: ( *)\^/m.exec(said);
  return {
    message,
    line: Number(shown?.[1] ?? 1),
    column: (shown?.[3]?.length ?? 0) + 1,
    text: shown?.[2] ?? '',
  };
}
