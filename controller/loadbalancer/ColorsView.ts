import type { ColorMistakes } from './ColorMistakes.js';
import type { Palette } from './Palette.js';

/** What operators see of colors (`GET /palette`). */
export interface ColorsView {
  readonly palette: Pick<Palette, 'view' | 'homes'>;
  readonly mistakes: ColorMistakes;
}
