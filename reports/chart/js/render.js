// Named drawing functions of the custom series. Chart descriptions are pure
// data and refer to these by name, so nothing in a description is executed.
(function () {
  var shapes = ['circle', 'diamond', 'rect', 'triangle'];
  function marker(kind, x, y, r, fill) {
    switch (shapes[kind % shapes.length]) {
      case 'diamond': return { type: 'polygon', shape: { points: [[x - r * 1.3, y], [x, y - r * 1.3], [x + r * 1.3, y], [x, y + r * 1.3]] }, style: { fill: fill } };
      case 'rect': return { type: 'rect', shape: { x: x - r, y: y - r, width: 2 * r, height: 2 * r }, style: { fill: fill } };
      case 'triangle': return { type: 'polygon', shape: { points: [[x - r * 1.2, y + r], [x, y - r * 1.2], [x + r * 1.2, y + r]] }, style: { fill: fill } };
    }
    return { type: 'circle', shape: { cx: x, cy: y, r: r }, style: { fill: fill } };
  }
  function line(x1, y1, x2, y2, stroke, width) {
    return { type: 'line', shape: { x1: x1, y1: y1, x2: x2, y2: y2 }, style: { stroke: stroke, lineWidth: width } };
  }
  var named = {
    // value: [estimate, lo, hi, category, offset in pixels, shape]
    intervalX: function (params, api) {
      var dy = api.value(4), cat = api.value(3), color = api.visual('color');
      var e = api.coord([api.value(0), cat]), lo = api.coord([api.value(1), cat])[0], hi = api.coord([api.value(2), cat])[0];
      var y = e[1] + dy, kids = [];
      if (isFinite(lo) && isFinite(hi) && api.value(2) >= api.value(1)) {
        kids.push(line(lo, y, hi, y, color, 2), line(lo, y - 4, lo, y + 4, color, 1.5), line(hi, y - 4, hi, y + 4, color, 1.5));
      }
      kids.push(marker(api.value(5), e[0], y, 4, color));
      return { type: 'group', children: kids };
    },
    // value: [x, estimate, lo, hi, offset in pixels, shape]
    intervalY: function (params, api) {
      var dx = api.value(4), color = api.visual('color');
      var e = api.coord([api.value(0), api.value(1)]), lo = api.coord([api.value(0), api.value(2)])[1], hi = api.coord([api.value(0), api.value(3)])[1];
      var x = e[0] + dx, kids = [];
      if (isFinite(lo) && isFinite(hi)) {
        kids.push(line(x, lo, x, hi, color, 2), line(x - 4, lo, x + 4, lo, color, 1.5), line(x - 4, hi, x + 4, hi, color, 1.5));
      }
      kids.push(marker(api.value(5), x, e[1], 4, color));
      return { type: 'group', children: kids };
    },
    // value: [x0, x1, lo0, hi0, lo1, hi1]
    band: function (params, api) {
      var p = [api.coord([api.value(0), api.value(2)]), api.coord([api.value(1), api.value(4)]), api.coord([api.value(1), api.value(5)]), api.coord([api.value(0), api.value(3)])];
      return { type: 'polygon', shape: { points: p }, style: { fill: api.visual('color'), opacity: 0.18 } };
    }
  };
  globalThis.hardnegCharts = {
    resolve: function (option) {
      (option.series || []).forEach(function (s) {
        if (typeof s.renderItem === 'string') s.renderItem = named[s.renderItem];
      });
      return option;
    },
    svg: function (text, width, height) {
      var chart = echarts.init(null, null, { renderer: 'svg', ssr: true, width: width, height: height });
      chart.setOption(this.resolve(JSON.parse(text)));
      var out = chart.renderToSVGString();
      chart.dispose();
      return out;
    }
  };
})();
