export {
  maxPayloadBytes,
  namespaceLimits,
  type NamespaceLimits,
  type Range,
} from '../../shared/config/namespaceLimits.js';
