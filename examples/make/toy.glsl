// A mechanical toy on a table. One unit is about 10 cm; the table is y = 0, the back board z = 0.

uniform float turn;        // radians that the driving wheel has turned
uniform float marble_way;  // metres along the marble's run, in units
uniform float spring;      // how far the jack stands out of his box, 0..1
uniform float lid;         // how far the lid is open, 0..1
uniform float nod;         // sway of the jack
uniform int zero;        // 0: a bound that the compiler cannot know, so that it unrolls no loop

const int TABLE = 0, BOARD = 1, GEAR_A = 2, GEAR_B = 3, GEAR_C = 4, BRASS = 5, RAIL = 6,
          MARBLE = 7, BOX = 8, JACK = 9, KEY = 10, HAT = 11, FACE = 12, BELL = 13, GEAR_D = 14;

mat2 turned(float a) { return mat2(cos(a), sin(a), -sin(a), cos(a)); }
float box2(vec2 p, vec2 b) { vec2 d = abs(p) - b; return length(max(d, 0.0)) + min(max(d.x, d.y), 0.0); }
float box3(vec3 p, vec3 b, float r) { vec3 d = abs(p) - b + r; return length(max(d, 0.0)) + min(max(d.x, max(d.y, d.z)), 0.0) - r; }
float capsule(vec3 p, vec3 a, vec3 b, float r) { vec3 pa = p - a, ba = b - a; return length(pa - ba * clamp(dot(pa, ba) / dot(ba, ba), 0.0, 1.0)) - r; }
float smooth_min(float a, float b, float k) { float h = clamp(0.5 + 0.5 * (b - a) / k, 0.0, 1.0); return mix(b, a, h) - k * h * (1.0 - h); }

// A gear about the z axis: `teeth` teeth on pitch radius `radius`, spokes in its body.
float gear(vec3 p, float teeth, float radius, float angle, float half_depth, float spokes) {
    float r = length(p.xy);
    if (r > radius + 0.5) return r - radius - 0.3;
    float a = atan(p.y, p.x) - angle, pitch = 6.2831853 / teeth;
    float b = mod(a + 0.5 * pitch, pitch) - 0.5 * pitch;
    vec2 q = r * vec2(cos(b), sin(b));
    float wide = 0.245 * pitch * radius;
    float slope = clamp((q.x - radius) / 0.13, -1.0, 1.0);
    float tooth = max(abs(q.y) - wide * (1.0 - 0.38 * slope), abs(q.x - radius) - 0.115) * 0.85;
    float d = smooth_min(r - (radius - 0.11), tooth, 0.02);
    if (spokes > 0.0) {  // windows between the spokes
        float s = 6.2831853 / spokes, c = mod(a + 0.5 * s, s) - 0.5 * s;
        vec2 w = r * vec2(cos(c), sin(c));
        float inner = 0.30 * radius, outer = radius - 0.34;
        float window = max(max(r - outer, inner + 0.06 - r), 0.10 - (r * sin(0.5 * s) - abs(w.y)));
        window = max(window, abs(w.y) - r * sin(0.5 * s) + 0.12);
        d = max(d, -window + 0.0);
    }
    vec2 e = vec2(d, abs(p.z) - half_depth);
    return min(max(e.x, e.y), 0.0) + length(max(e, 0.0)) - 0.02;
}

// Where the marble is: down a zigzag of three rails, then off to the bell.
const vec3 RUN[7] = vec3[](vec3(-3.3, 4.75, 1.05), vec3(-0.1, 4.25, 1.05), vec3(0.15, 3.55, 1.05),
                           vec3(-3.1, 3.0, 1.05), vec3(-3.3, 2.30, 1.05), vec3(-0.2, 1.72, 1.05), vec3(0.55, 0.95, 1.05));
vec3 along_run(float way) {
    way = max(way, 0.0);
    for (int i = 0; i < 6; i++) {
        float span = length(RUN[i + 1] - RUN[i]);
        if (way < span) return mix(RUN[i], RUN[i + 1], way / span);
        way -= span;
    }
    return RUN[6] + vec3(0.9, -0.45, 0.0) * min(way, 0.6);
}

vec2 nearer(vec2 a, float d, int kind) { return d < a.x ? vec2(d, float(kind)) : a; }

vec2 map(vec3 p) {
    vec2 best = vec2(p.y, float(TABLE));
    best = nearer(best, box3(p - vec3(-0.4, 2.9, -0.12), vec3(4.6, 3.0, 0.12), 0.10), BOARD);
    // Gears: A drives B drives C; D rides on C's axle
    float front = p.z - 0.42;
    float to_gears = box3(p - vec3(2.3, 3.2, 0.75), vec3(1.85, 2.45, 0.85), 0.0);
    if (to_gears > 0.4) {
        best = nearer(best, to_gears, GEAR_A);
    } else {
        best = nearer(best, gear(vec3(p.xy - vec2(2.55, 2.15), front), 20.0, 1.30, turn, 0.14, 5.0), GEAR_A);
        best = nearer(best, gear(vec3(p.xy - vec2(1.25, 3.757), front), 12.0, 0.78, -turn * 20.0 / 12.0 + 0.17, 0.14, 3.0), GEAR_B);
        best = nearer(best, gear(vec3(p.xy - vec2(2.82, 4.50), front), 15.0, 0.97, turn * 20.0 / 15.0 + 0.13, 0.14, 4.0), GEAR_C);
        best = nearer(best, gear(vec3(p.xy - vec2(2.82, 4.50), front - 0.34), 9.0, 0.50, turn * 20.0 / 15.0, 0.12, 0.0), GEAR_D);
        float pins = length(p.xy - vec2(2.55, 2.15)) - 0.16;
        pins = min(pins, length(p.xy - vec2(1.25, 3.757)) - 0.13);
        pins = min(pins, length(p.xy - vec2(2.82, 4.50)) - 0.13);
        best = nearer(best, max(pins, abs(p.z - 0.5) - 0.50) - 0.02, BRASS);
        // The key that winds it, on the driving wheel
        vec3 k = p - vec3(2.55, 2.15, 1.25);
        k.xy = turned(-turn) * k.xy;
        float shaft = max(length(k.xy) - 0.09, abs(k.z + 0.25) - 0.45);
        float wings = length(vec2(length(vec2(abs(k.x) - 0.36, k.y)) - 0.25, k.z - 0.10)) - 0.085;
        best = nearer(best, min(shaft, wings), KEY);
    }
    // The marble's rails
    float rails = 1e3;
    for (int i = 0; i < 3; i++) {
        vec3 a = RUN[2 * i], b = RUN[2 * i + 1];
        vec3 q = vec3(p.xy, abs(p.z - 1.05));
        vec3 drop = vec3(0.0, -0.20, -1.05 + 0.17);
        rails = min(rails, capsule(q, a + drop, b + drop, 0.045));
        float post = capsule(p, vec3(a.xy + vec2(0.35, -0.30), 0.0), vec3(a.xy + vec2(0.35, -0.30), 1.05), 0.05);
        post = min(post, capsule(p, vec3(b.xy + vec2(-0.35, -0.25), 0.0), vec3(b.xy + vec2(-0.35, -0.25), 1.05), 0.05));
        rails = min(rails, post);
    }
    best = nearer(best, rails, RAIL);
    best = nearer(best, length(p - along_run(marble_way)) - 0.19, MARBLE);
    // A bell at the end of the run
    vec3 bell = p - vec3(1.0, 0.62, 1.05);
    float dome = abs(length(vec3(bell.x, max(bell.y, -0.1), bell.z)) - 0.34) - 0.025;
    dome = max(dome, -bell.y - 0.18);
    best = nearer(best, min(dome, length(bell - vec3(0.0, 0.38, 0.0)) - 0.06), BELL);
    best = nearer(best, capsule(p, vec3(1.0, 0.0, 1.05), vec3(1.0, 0.6, 1.05), 0.05), BRASS);
    // The jack in his box
    vec3 q = p - vec3(-2.35, 0.72, 1.9);
    float to_box = length(q - vec3(0, 0.7, 0)) - 2.4;
    if (to_box > 0.3) {
        best = nearer(best, to_box, BOX);
    } else {
        float shell = max(box3(q, vec3(0.72), 0.05), -box3(q - vec3(0, 0.2, 0), vec3(0.64, 0.72, 0.64), 0.02));
        best = nearer(best, shell, BOX);
        vec3 l = q - vec3(0.0, 0.74, -0.70);
        l.yz = turned(-1.9 * lid) * l.yz;
        best = nearer(best, box3(l - vec3(0.0, 0.04, 0.70), vec3(0.76, 0.06, 0.76), 0.04), BOX);
        vec3 head = vec3(0.45 * nod * spring, -0.25 + 1.75 * spring, 0.10 * nod * spring);
        // his spring: a coil from the floor of the box to the head
        float along = clamp((q.y + 0.6) / max(head.y + 0.35, 0.05), 0.0, 1.0);
        vec3 c = q - vec3(head.x * along * along, 0.0, head.z * along * along);
        float coils = 7.0, a = atan(c.z, c.x);
        float pitch = max(head.y + 0.35, 0.2) / coils;
        float y = c.y + 0.6 - pitch * a / 6.2831853;
        y = abs(y - pitch * floor(y / pitch + 0.5));
        float coil = max(length(vec2(length(c.xz) - 0.30, y)) - 0.05, max(c.y - head.y + 0.25, -0.62 - c.y));
        best = nearer(best, coil * 0.8, BRASS);
        vec3 h = q - head;
        h.xy = turned(-0.35 * nod) * h.xy;
        best = nearer(best, length(h) - 0.40, FACE);
        best = nearer(best, length(h - vec3(0.0, -0.02, 0.41)) - 0.085, JACK);   // nose
        float cone = max(length(h.xz) - 0.36 * (1.0 - (h.y - 0.22) / 0.85), abs(h.y - 0.62) - 0.42) * 0.85;
        best = nearer(best, min(cone, length(vec2(length(h.xz) - 0.36, h.y - 0.22)) - 0.07), HAT);
        best = nearer(best, length(h - vec3(0.0, 1.05, 0.0)) - 0.12, JACK);
        float collar = length(vec2(length(h.xz) - 0.30 - 0.05 * sin(9.0 * atan(h.z, h.x)), h.y + 0.40)) - 0.09;
        best = nearer(best, collar * 0.7, JACK);
    }
    return best;
}

vec3 normal_at(vec3 p) {
    vec3 sum = vec3(0.0);  // four corners of a tetrahedron; a loop, so that `map` is compiled once
    for (int i = zero; i < 4; i++) {
        vec3 e = 0.5773 * (2.0 * vec3((((i + 3) >> 1) & 1), ((i >> 1) & 1), (i & 1)) - 1.0);
        sum += e * map(p + 0.0012 * e).x;
    }
    return normalize(sum);
}

float march(vec3 from, vec3 ray, float far, out float kind) {
    float t = 0.02;
    kind = -1.0;
    for (int i = zero; i < 110 && t < far; i++) {
        vec2 d = map(from + t * ray);
        if (d.x < 0.0006 * t + 0.0004) { kind = d.y; return t; }
        t += 0.9 * d.x;
    }
    return far;
}

float soft_shadow(vec3 from, vec3 towards, float far, float size) {
    float light = 1.0, t = 0.04;
    for (int i = zero; i < 34 && t < far && light > 0.01; i++) {
        float d = map(from + t * towards).x;
        light = min(light, 0.5 + 0.5 * d / (size * t));
        if (light < 0.0) break;
        t += clamp(d, 0.03, 0.35);
    }
    light = clamp(light, 0.0, 1.0);
    return light * light * (3.0 - 2.0 * light);
}

float occlusion(vec3 p, vec3 n) {
    float sum = 0.0, weight = 1.0;
    for (int i = 1 + zero; i <= 4; i++) {
        float h = 0.07 * float(i * i) * 0.6 + 0.02;
        sum += weight * (h - map(p + h * n).x);
        weight *= 0.62;
    }
    return clamp(1.0 - 1.35 * sum, 0.0, 1.0);
}

// A room of light: warm ceiling, a tall window at the left, a softbox over the table.
vec3 room(vec3 ray) {
    vec3 c = mix(vec3(0.20, 0.13, 0.10), vec3(0.50, 0.47, 0.46), smoothstep(-0.3, 0.9, ray.y));
    vec2 window = ray.xy / max(ray.z + 0.4, 0.05);
    float panes = smoothstep(0.60, 0.52, abs(window.x + 0.9)) * smoothstep(0.72, 0.64, abs(window.y - 0.8));
    panes *= smoothstep(0.02, 0.05, abs(window.x + 0.9)) * smoothstep(0.02, 0.05, abs(window.y - 0.8));
    c += vec3(3.6, 3.4, 3.1) * panes * step(0.0, ray.z);
    c += vec3(1.6, 1.3, 1.0) * smoothstep(0.90, 0.97, dot(ray, normalize(vec3(0.7, 0.8, 0.35))));
    return c;
}

struct Paint { vec3 colour; float gloss; float metal; };

Paint paint_at(float kind, vec3 p) {
    int k = int(kind + 0.5);
    if (k == TABLE) {
        float grain = fbm2(p.xz * vec2(0.55, 5.0) + 3.0 * noise2(p.xz * vec2(0.2, 0.6)), 4);
        float plank = floor(p.z / 1.7);
        return Paint(mix(vec3(0.36, 0.17, 0.070), vec3(0.60, 0.33, 0.15), grain) * (0.88 + 0.24 * hash1(plank)), 0.35, 0.0);
    }
    if (k == BOARD) {  // cream, with a fine border of dots
        vec2 q = (p.xy - vec2(-0.4, 2.9)) / vec2(4.6, 3.0);
        float rim = max(abs(q.x) * 4.6 - 4.25, abs(q.y) * 3.0 - 2.65);
        vec3 c = vec3(0.80, 0.70, 0.52);
        c = mix(c, vec3(0.10, 0.36, 0.42), smoothstep(0.02, 0.0, abs(rim + 0.02) - 0.045));
        return Paint(c, 0.25, 0.0);
    }
    if (k == GEAR_A) return Paint(vec3(0.80, 0.055, 0.045), 0.6, 0.0);
    if (k == GEAR_B) return Paint(vec3(0.98, 0.52, 0.03), 0.6, 0.0);
    if (k == GEAR_C) return Paint(vec3(0.035, 0.34, 0.62), 0.6, 0.0);
    if (k == GEAR_D) return Paint(vec3(0.12, 0.55, 0.22), 0.6, 0.0);
    if (k == BRASS || k == KEY || k == BELL) return Paint(vec3(0.92, 0.62, 0.24), 0.9, 1.0);
    if (k == RAIL) return Paint(vec3(0.05, 0.42, 0.44), 0.6, 0.0);
    if (k == MARBLE) {
        vec3 q = p - along_run(marble_way);
        q.xy = turned(marble_way / 0.19) * q.xy;
        float swirl = sin(9.0 * q.x / 0.19 + 5.0 * sin(6.0 * q.y / 0.19 + 2.0 * q.z / 0.19)) * 0.5 + 0.5;
        return Paint(mix(vec3(0.02, 0.16, 0.65), vec3(0.35, 0.75, 0.95), smoothstep(0.35, 0.8, swirl)), 1.0, 0.0);
    }
    if (k == BOX) {
        vec3 q = p - vec3(-2.35, 0.72, 1.9);
        vec2 f = abs(abs(q.x) - 0.72) < 0.03 ? q.zy : q.xy;
        if (abs(q.y) > 0.71) f = q.xz;
        float diamond = abs(f.x) + abs(f.y);
        vec3 c = mix(vec3(0.98, 0.60, 0.05), vec3(0.80, 0.06, 0.10), smoothstep(0.45, 0.47, diamond));
        c = mix(c, vec3(0.04, 0.30, 0.50), smoothstep(0.60, 0.62, max(abs(f.x), abs(f.y))));
        return Paint(c, 0.5, 0.0);
    }
    if (k == JACK) return Paint(vec3(0.90, 0.06, 0.08), 0.7, 0.0);
    if (k == HAT) {
        vec3 q = p - vec3(-2.35, 0.72, 1.9);
        float stripe = step(0.5, fract(q.y * 2.6 + atan(q.z, q.x) / 6.2831853));
        return Paint(mix(vec3(0.30, 0.10, 0.52), vec3(0.98, 0.76, 0.10), stripe), 0.45, 0.0);
    }
    // FACE
    vec3 head = vec3(0.45 * nod * spring, -0.25 + 1.75 * spring, 0.10 * nod * spring);
    vec3 h = p - vec3(-2.35, 0.72, 1.9) - head;
    h.xy = turned(-0.35 * nod) * h.xy;
    vec3 c = vec3(0.95, 0.68, 0.50);
    float eye_at = length(vec2(abs(h.x) - 0.14, h.y - 0.10));
    float cheek = length(vec2(abs(h.x) - 0.23, h.y + 0.08));
    c = mix(c, vec3(0.92, 0.30, 0.25), 0.8 * smoothstep(0.10, 0.03, cheek));
    float smile = abs(length(h.xy - vec2(0.0, 0.02)) - 0.22) + step(-0.08, h.y) * 1.0;
    c = mix(c, vec3(0.55, 0.03, 0.04), smoothstep(0.035, 0.02, smile) * step(0.0, h.z));
    c = mix(c, vec3(0.02), smoothstep(0.065, 0.05, eye_at) * step(0.0, h.z));
    c = mix(c, vec3(1.0), smoothstep(0.024, 0.014, length(vec2(abs(h.x) - 0.12, h.y - 0.125))) * step(0.0, h.z));
    return Paint(c, 0.4, 0.0);
}

const vec3 KEY_LIGHT = normalize(vec3(-0.55, 0.80, 0.62));

vec3 lit(vec3 p, vec3 ray, float kind, bool with_shadow) {
    vec3 n = normal_at(p);
    Paint paint = paint_at(kind, p);
    float diffuse = max(dot(n, KEY_LIGHT), 0.0);
    float shadow = with_shadow && diffuse > 0.0 ? soft_shadow(p + 0.012 * n, KEY_LIGHT, 7.0, 0.14) : 1.0;
    float open = with_shadow ? occlusion(p, n) : 0.8;
    vec3 light = vec3(2.55, 2.25, 1.85) * diffuse * shadow;
    light += open * mix(vec3(0.34, 0.20, 0.12), vec3(0.52, 0.56, 0.66), 0.5 + 0.5 * n.y);
    light += open * vec3(0.35, 0.20, 0.10) * max(dot(n, normalize(vec3(0.8, 0.1, 0.5))), 0.0);
    vec3 c = paint.colour * light * (1.0 - 0.85 * paint.metal);
    float facing = max(dot(n, -ray), 0.0);
    vec3 mirrored = reflect(ray, n);
    float fresnel = 0.035 + 0.75 * paint.gloss * pow(1.0 - facing, 5.0);
    vec3 tint = mix(vec3(1.0), paint.colour, paint.metal);
    float strength = mix(fresnel * paint.gloss * 1.6, 0.92, paint.metal);
    c += tint * strength * room(mirrored) * (0.25 + 0.75 * open);
    float shine = pow(max(dot(mirrored, KEY_LIGHT), 0.0), mix(24.0, 160.0, paint.gloss));
    c += tint * shine * shadow * mix(0.25, 2.2, paint.gloss) * paint.gloss;
    return c;
}

vec3 shade(vec2 pixel) {
    vec3 ray = view_ray(pixel);
    vec3 from = eye;
    // The varnished table adds one soft reflection: the second turn of the loop
    vec3 wall = mix(vec3(0.46, 0.22, 0.13), vec3(0.62, 0.44, 0.36), smoothstep(-0.15, 0.5, ray.y)) * 0.55;
    vec3 sum = vec3(0.0);
    float weight = 1.0;
    for (int bounce = zero; bounce < 2; bounce++) {
        float kind;
        float t = march(from, ray, bounce == 0 ? 40.0 : 8.0, kind);
        if (kind < 0.0) {
            sum += weight * (bounce == 0 ? wall : room(ray) * 0.6);
            break;
        }
        vec3 p = from + t * ray;
        vec3 c = lit(p, ray, kind, bounce == 0);
        if (bounce == 0 && kind < 0.5) c = mix(c, wall, smoothstep(7.0, 24.0, length(p.xz - vec2(0.0, 2.0))));
        sum += weight * c * (bounce == 0 ? 1.0 : exp(-0.35 * t));
        if (bounce == 1 || kind > 0.5) break;
        weight = 0.06 + 0.5 * pow(1.0 - max(-ray.y, 0.0), 5.0);
        ray = reflect(ray, vec3(0, 1, 0));
        from = p + vec3(0, 0.01, 0);
    }
    return sum;
}
