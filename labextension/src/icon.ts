import { LabIcon } from '@jupyterlab/ui-components';

/** Three sites and what holds them together. */
export const continuumIcon = new LabIcon({
  name: 'jupyter-continuum:icon',
  svgstr: `<svg xmlns="http://www.w3.org/2000/svg" width="16" height="16" viewBox="0 0 22 22">
  <g class="jp-icon3 jp-icon-selectable" fill="#616161">
    <path d="M11 2.5a3 3 0 0 1 .9 5.86v3.1l2.66 1.55a3 3 0 1 1-.9 1.58L11 13.03l-2.66 1.56a3 3 0 1 1-.9-1.58l2.66-1.55v-3.1A3 3 0 0 1 11 2.5Z"/>
  </g>
</svg>`
});
