import type { Plugin } from 'chart.js';

/** A point of a row. */
export interface Dot {
  at: number;
  colour: string;
  /** Drawn as a ring. */
  hollow: boolean;
}

/** A plugin that draws a point on each row of lying bars. */
export function dots(rows: readonly (Dot | null)[]): Plugin<'bar'> {
  return {
    id: 'dots',
    afterDatasetsDraw({ ctx, scales: { x, y } }) {
      if (!x || !y) return;
      ctx.save();
      rows.forEach((dot, i) => {
        if (!dot) return;
        ctx.beginPath();
        ctx.arc(x.getPixelForValue(dot.at), y.getPixelForValue(i), 5, 0, 2 * Math.PI);
        ctx.lineWidth = 2;
        ctx.strokeStyle = dot.colour;
        ctx.fillStyle = dot.colour;
        if (dot.hollow) ctx.stroke();
        else ctx.fill();
      });
      ctx.restore();
    },
  };
}
