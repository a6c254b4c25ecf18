import type { Json, JsonObject } from '../../shared/entities/keyvalue.js';

/** The description of an action's parameter, for the annotation `parameters`. */
export interface ParameterNote {
  readonly name: string;
  readonly required: boolean;
  readonly type?: string;
  readonly description?: string;
}

/** An action of the catalog: JavaScript for the default Node.js kind. */
export interface CatalogAction {
  readonly name: string;
  readonly code: string;
  readonly description: string;
  readonly takes?: readonly ParameterNote[];
  /** Further annotations. */
  readonly annotations?: JsonObject;
  /** Default parameters. */
  readonly parameters?: JsonObject;
}

/** A published package of `whisk.system`. */
export interface CatalogPackage {
  readonly name: string;
  readonly description: string;
  readonly takes?: readonly ParameterNote[];
  readonly parameters?: JsonObject;
  readonly actions: readonly CatalogAction[];
}

/** An example of input and output, as annotations. */
export const example = (sampleInput: Json, sampleOutput: Json): JsonObject => ({ sampleInput, sampleOutput });
