import type { ObjectNamespace } from '../../../shared/objects/ObjectToken.js';

/** The name of a color in maps of all namespaces. Neither part contains control characters. */
export const colorKey = ({ uuid }: Pick<ObjectNamespace, 'uuid'>, color: string): string => `${uuid}\n${color}`;
