// A night drive. One unit is a metre; the road runs along z, x = 0 is its middle.

uniform float braking;      // 0..1, brake lights of the car ahead
uniform float ahead;        // z of the car ahead
uniform float lamp_colour;  // 0 red .. 1 green: the traffic light
uniform float signal_z;     // where the traffic light hangs

const float ROAD = 7.5;      // half the road's width
const float PAVEMENT = 11.0; // where the houses begin
const float BLOCK = 15.0;    // a house's length along the road

// Where the cars of the other lane are: one every GAP metres, `traffic` metres on their way.
uniform float traffic;
const float GAP = 44.0;
float oncoming(float i) {
    float nearest = ceil((eye.z + traffic) / GAP) * GAP - traffic;
    float jitter = hash1((nearest + traffic) / GAP + i);
    return nearest + (i + 0.5 * jitter) * GAP;
}

struct Hit { float t; vec3 normal; int kind; vec3 at; vec4 seed; };
const int SKY = 0, GROUND = 1, HOUSE = 2, SIGN = 3, CAR = 4, POLE = 5;

vec3 neon(float n) {  // a palette that belongs together: magenta, cyan, amber, violet, red
    n = fract(n) * 6.0;
    if (n < 1.6) return vec3(1.0, 0.10, 0.42);
    if (n < 3.0) return vec3(0.06, 0.72, 1.0);
    if (n < 4.0) return vec3(1.0, 0.46, 0.10);
    if (n < 5.0) return vec3(0.46, 0.16, 1.0);
    return vec3(1.0, 0.10, 0.08);
}

// Near and far distance of a box and the normal of the near side.
vec2 box(vec3 from, vec3 inverse, vec3 centre, vec3 half_size, out vec3 normal) {
    vec3 n = inverse * (from - centre), k = abs(inverse) * half_size;
    vec3 near = -n - k, far = -n + k;
    float a = max(max(near.x, near.y), near.z), b = min(min(far.x, far.y), far.z);
    normal = -sign(1.0 / inverse) * step(near.yzx, near.xyz) * step(near.zxy, near.xyz);
    return vec2(a, b);
}

void meet(inout Hit hit, vec3 from, vec3 ray, vec3 inverse, vec3 centre, vec3 half_size, int kind, vec4 seed) {
    vec3 normal;
    vec2 t = box(from, inverse, centre, half_size, normal);
    if (t.x < t.y && t.x > 0.02 && t.x < hit.t) {
        hit.t = t.x;
        hit.normal = normal;
        hit.kind = kind;
        hit.at = (from + t.x * ray - centre) / half_size;
        hit.seed = seed;
    }
}

vec4 house_seed(float side, float row, float cell) {
    vec2 p = vec2(side * 31.7 + row * 57.3, cell);
    return vec4(hash2(p), hash2(p + 7.1), hash2(p + 13.7), hash2(p + 23.9));
}

Hit trace(vec3 from, vec3 ray, int rows) {
    Hit hit = Hit(1e5, vec3(0), SKY, vec3(0), vec4(0));
    vec3 inverse = 1.0 / (ray + vec3(1e-6));
    if (ray.y < 0.0) {
        hit.t = -from.y * inverse.y;
        hit.normal = vec3(0, 1, 0);
        hit.kind = GROUND;
    }
    // Houses: row by row of blocks along the road, two deep on either side.
    float cell = floor(from.z / BLOCK), forward = ray.z < 0.0 ? -1.0 : 1.0;
    for (int i = -1; i < rows; i++) {
        float c = cell + forward * float(i);
        float z = (c + 0.5) * BLOCK;
        float entry = (z - forward * 0.5 * BLOCK - from.z) * inverse.z;
        if (entry > hit.t || entry > 600.0) break;
        {   // the camera is in the street, so a ray meets houses of one side only
            float side = ray.x < 0.0 ? -1.0 : 1.0;
            vec4 seed = house_seed(side, 0.0, c);
            float street = step(0.86, hash2(vec2(c, side + 3.0)));  // a gap now and then
            float height = 13.0 + 34.0 * seed.x * seed.x;
            float inset = 1.6 * floor(2.0 * seed.y);
            vec3 half_size = vec3(8.0, height * 0.5, 0.5 * BLOCK - 0.15);
            if (street < 0.5)
                meet(hit, from, ray, inverse, vec3(side * (PAVEMENT + inset + 8.0), height * 0.5, z),
                     half_size, HOUSE, seed);
            vec4 tower = house_seed(side, 1.0, c);
            float tall = 30.0 + 80.0 * tower.x * tower.y;
            if (ray.y > -0.1 || street > 0.5) meet(hit, from, ray, inverse, vec3(side * (PAVEMENT + 29.0 + 6.0 * tower.z), tall * 0.5, z),
                 vec3(8.5, tall * 0.5, 0.5 * BLOCK - 1.5), HOUSE, tower);
            if (street < 0.5) {
                // A blade sign that stands out over the pavement, and a board over the shop.
                if (seed.z > 0.30) {
                    float tallness = 2.0 + 4.5 * seed.w;
                    float y = 4.6 + tallness + 6.0 * fract(seed.w * 7.7);
                    y = min(y, height - tallness - 0.5);
                    meet(hit, from, ray, inverse,
                         vec3(side * (PAVEMENT + inset - 1.1), y, z + (seed.x - 0.5) * 9.0),
                         vec3(0.85, tallness, 0.14), SIGN, vec4(seed.xyz, tallness));
                }
                if (seed.w > 0.35)
                    meet(hit, from, ray, inverse,
                         vec3(side * (PAVEMENT + inset - 0.25), 4.6, z + (seed.y - 0.5) * 4.0),
                         vec3(0.25, 0.75, 2.6 + 2.2 * seed.x), SIGN, vec4(seed.wxy, 0.6));
            }
        }
        // A lamp post, left and right in turn: post and arm
        float side = mod(c, 2.0) * 2.0 - 1.0;
        meet(hit, from, ray, inverse, vec3(side * (ROAD + 0.6), 3.6, z), vec3(0.09, 3.6, 0.09), POLE, vec4(0));
        meet(hit, from, ray, inverse, vec3(side * (ROAD - 0.4), 7.2, z), vec3(1.1, 0.06, 0.10), POLE, vec4(1));
    }
    // The traffic light's gantry
    meet(hit, from, ray, inverse, vec3(-ROAD - 0.4, 3.2, signal_z), vec3(0.12, 3.2, 0.12), POLE, vec4(0));
    meet(hit, from, ray, inverse, vec3(-ROAD + 2.2, 6.2, signal_z), vec3(2.7, 0.08, 0.08), POLE, vec4(0));
    meet(hit, from, ray, inverse, vec3(-2.7, 5.5, signal_z), vec3(0.44, 1.20, 0.2), POLE, vec4(2));
    // Cars that come towards us
    for (int i = 0; i < 3; i++) {
        float z = oncoming(float(i));
        meet(hit, from, ray, inverse, vec3(2.8, 0.62, z), vec3(0.92, 0.34, 2.1), CAR, vec4(2));
        meet(hit, from, ray, inverse, vec3(2.8, 1.12, z - 0.2), vec3(0.74, 0.30, 1.15), CAR, vec4(3));
    }
    // The car ahead
    meet(hit, from, ray, inverse, vec3(-2.6, 0.62, ahead), vec3(0.92, 0.34, 2.1), CAR, vec4(0));
    meet(hit, from, ray, inverse, vec3(-2.6, 1.12, ahead + 0.2), vec3(0.74, 0.30, 1.15), CAR, vec4(1));
    return hit;
}

// ---- light

vec3 night(vec3 ray) {
    float low = exp(-4.0 * max(ray.y, 0.0));
    vec3 c = mix(vec3(0.006, 0.008, 0.022), vec3(0.085, 0.030, 0.085), low);
    c += vec3(0.02, 0.05, 0.07) * exp(-9.0 * max(ray.y, 0.0));
    float smoke = fbm2(ray.xz / (ray.y + 0.25) * 1.2 + time * 0.02, 4);
    return c * (0.6 + 0.9 * smoke);
}

vec3 house_light(Hit hit, vec3 p) {
    vec4 seed = hit.seed;
    vec2 wall = vec2(abs(hit.normal.x) > 0.5 ? p.z : p.x, p.y);
    if (hit.normal.y > 0.5) return vec3(0.004);
    vec2 pitch = vec2(1.7 + 1.2 * floor(seed.z * 3.0) * 0.5, 3.1);
    vec2 q = wall / pitch, cell = floor(q), f = fract(q);
    float lit = step(0.66 - 0.25 * seed.w, hash2(cell + seed.xy * 91.0));
    float floor_lit = step(0.90, hash1(cell.y + seed.z * 51.0));  // an office floor, all of it
    lit = max(lit, floor_lit * step(0.2, hash2(cell * 3.3)));
    vec2 frame = vec2(0.16 + 0.14 * seed.x, 0.22);
    float soft = clamp(0.03 * hit.t / 20.0, 0.015, 0.2);
    float pane = smoothstep(frame.x, frame.x + soft, f.x) * smoothstep(1.0 - frame.x, 1.0 - frame.x - soft, f.x)
               * smoothstep(frame.y, frame.y + soft, f.y) * smoothstep(0.94, 0.94 - soft, f.y);
    float h = hash2(cell + seed.zw * 37.0);
    vec3 tint = h < 0.55 ? vec3(1.0, 0.58, 0.24) : h < 0.85 ? vec3(0.75, 0.85, 1.0) : neon(h * 13.0);
    float inside = 0.35 + 0.65 * f.y;                       // ceilings are brighter than floors
    inside *= 0.75 + 0.4 * noise2(q * vec2(2.0, 1.5) + h * 50.0);
    float curtain = step(0.6, hash2(cell + 5.0)) * step(f.x, 0.3 + 0.4 * h);
    vec3 c = tint * lit * pane * inside * (1.0 - 0.7 * curtain) * (0.22 + 0.5 * h * h);
    // The wall itself in the street's light: magenta and cyan from below, per house
    vec3 spill = neon(seed.z + 0.17) * exp(-0.16 * max(p.y - 3.0, 0.0)) * 0.06
               + vec3(1.0, 0.55, 0.22) * exp(-0.30 * abs(p.y - 6.0)) * 0.025 + vec3(0.006, 0.007, 0.014);
    float brick = 0.85 + 0.15 * noise2(wall * vec2(1.0, 3.0));
    c += spill * brick * (1.0 - pane) * (0.5 + seed.x);
    if (p.y < 3.6 && abs(hit.normal.x) > 0.5) {             // shop windows
        vec2 shop = vec2(wall.x / 5.0, p.y);
        float open = step(0.35, hash2(vec2(floor(shop.x), seed.x * 99.0)));
        float glass = smoothstep(0.04, 0.06, fract(shop.x)) * smoothstep(0.96, 0.94, fract(shop.x))
                    * smoothstep(0.5, 0.6, p.y) * smoothstep(3.1, 3.0, p.y);
        vec3 warm = mix(vec3(1.0, 0.70, 0.38), neon(seed.w + floor(shop.x) * 0.21), 0.35);
        // A room behind the pane: two lamps, a counter, someone standing
        float x = fract(shop.x), lot = floor(shop.x) + seed.x * 57.0;
        vec2 lamp = vec2(0.25 + 0.5 * hash1(lot), 2.6);
        float room = 0.16 + 0.9 * exp(-1.1 * length((vec2(x, p.y) - lamp) * vec2(5.0, 1.0)));
        room += 0.5 * exp(-1.6 * length((vec2(x, p.y) - vec2(1.0 - lamp.x, 2.2)) * vec2(5.0, 1.0)));
        room *= 1.0 - 0.55 * smoothstep(1.25, 1.15, p.y) * step(0.4, hash1(lot + 3.0));
        vec2 body = (vec2(x, p.y) - vec2(0.3 + 0.5 * hash1(lot + 7.0), 1.35)) * vec2(5.0, 1.0);
        float someone = min(length(body * vec2(1.0, 0.42)) - 0.26, length(body - vec2(0.0, 0.78)) - 0.15);
        room *= mix(1.0, 0.25, smoothstep(0.04, -0.02, someone) * step(0.5, hash1(lot + 5.0)));
        c = mix(c, warm * open * room * (0.35 + 0.5 * hash1(lot + 9.0)) + 0.008, glass);
    }
    return c;
}

// Signs written in a script of our own: strokes in a 3 x 3 lattice, one glyph a cell.
float glyph(vec2 q, float h) {
    vec2 g = q * 3.0;
    float d = 1e3;
    for (int i = 0; i < 5; i++) {
        float a = hash1(h * 17.0 + float(i) * 3.1), b = hash1(h * 29.0 + float(i) * 5.3);
        vec2 from = vec2(floor(a * 3.0), floor(b * 3.0)) + 0.5;
        vec2 to = from + (hash1(h + float(i)) > 0.5 ? vec2(1, 0) : vec2(0, 1)) * (hash1(h * 3.0 + float(i)) > 0.4 ? 1.0 : 2.0);
        to = min(to, vec2(2.5));
        vec2 pa = g - from, ba = to - from + 1e-4;
        d = min(d, length(pa - ba * clamp(dot(pa, ba) / dot(ba, ba), 0.0, 1.0)));
    }
    return d / 3.0;
}

vec3 sign_light(Hit hit, vec3 p) {
    float tallness = hit.seed.w, h = hit.seed.x;
    vec3 colour = neon(h * 5.0 + hit.seed.y);
    bool is_blade = tallness > 1.0;
    vec2 q = is_blade ? hit.at.xy * vec2(0.85, tallness) : hit.at.zy * vec2(2.6 + 2.2 * hit.seed.y, 0.75);
    if (is_blade && abs(hit.normal.z) < 0.5) return colour * 0.5;
    if (!is_blade && abs(hit.normal.x) < 0.5) return colour * 0.15;
    vec2 extent = is_blade ? vec2(0.85, tallness) : vec2(2.6 + 2.2 * hit.seed.y, 0.75);
    float rim = min(extent.x - abs(q.x), extent.y - abs(q.y));
    float cell_size = is_blade ? 1.5 : 1.2;
    vec2 cell_at = is_blade ? vec2(q.x / cell_size + 0.5, q.y / cell_size) : vec2(q.x / cell_size, q.y / cell_size + 0.5);
    vec2 cell = floor(cell_at);
    vec2 inside = (fract(cell_at) - 0.5) * 1.25 + 0.5;
    float soft = 0.02 + 0.0016 * hit.t;
    float d = glyph(clamp(inside, 0.0, 1.0), hash2(cell + hit.seed.yz * 77.0));
    float room = step(0.12, rim);
    float stroke = smoothstep(0.055 + soft, 0.055 - soft * 0.3, d) * room;
    float halo = exp(-9.0 * d) * 0.22 * room;
    float tube = smoothstep(0.05 + soft, 0.05, abs(rim - 0.1));
    float flicker = hit.seed.z > 0.92 ? 0.35 + 0.65 * step(0.3, noise2(vec2(time * 14.0, h * 9.0))) : 1.0;
    vec3 second_colour = neon(h * 5.0 + hit.seed.y + 0.37);
    float style = fract(h * 11.3);
    vec3 c = style < 0.6 ? colour * (2.6 * stroke + halo) + second_colour * 2.2 * tube + colour * 0.03
                         : colour * (1.1 - 1.05 * stroke) + vec3(0.0);
    return c * flicker * (style < 0.6 ? 1.0 : 0.85);
}

vec3 car_light(Hit hit, vec3 p, vec3 ray) {
    vec3 c = vec3(0.006, 0.007, 0.010);
    vec3 mirrored = reflect(ray, hit.normal);
    c += 0.25 * night(mirrored) + 0.02 * neon(floor(p.z * 0.2) * 0.3) * max(mirrored.y, 0.0);
    if (hit.seed.x < 0.5 && hit.normal.z < -0.5) {
        vec2 q = hit.at.xy;
        float lamp = smoothstep(0.30, 0.24, abs(q.y - 0.25)) * smoothstep(0.42, 0.46, abs(q.x)) * smoothstep(0.97, 0.93, abs(q.x));
        float bar = smoothstep(0.06, 0.03, abs(q.y - 0.25)) * step(abs(q.x), 0.45);
        c += vec3(1.0, 0.03, 0.02) * (lamp * (1.6 + 7.0 * braking) + bar * (0.5 + 3.0 * braking));
        float plate = step(abs(q.x), 0.25) * step(abs(q.y + 0.35), 0.16);
        c += vec3(0.10, 0.09, 0.08) * plate;
    }
    if (hit.seed.x > 1.5) {
        vec2 q = hit.at.xy;
        float lamp = smoothstep(0.45, 0.30, length((vec2(abs(q.x), q.y) - vec2(0.72, 0.1)) * vec2(2.6, 1.0)));
        return c + vec3(1.0, 0.96, 0.86) * 22.0 * lamp * step(hit.seed.x, 2.5) * step(hit.normal.z, -0.5);
    }
    if (hit.seed.x > 0.5 && hit.normal.z < -0.5)
        c += 0.05 * vec3(0.3, 0.5, 0.8) * (0.5 + 0.5 * hit.at.y) + vec3(1.0, 0.03, 0.02) * 3.0 * braking * step(abs(hit.at.x), 0.25) * step(0.72, hit.at.y) * step(hit.at.y, 0.86);
    return c;
}

vec3 pole_light(Hit hit, vec3 p) {
    if (hit.seed.x > 1.5) {  // the traffic light: three eyes
        vec3 c = vec3(0.004);
        if (abs(hit.normal.z) > 0.5) {
            vec2 q = hit.at.xy * vec2(0.44, 1.20);
            for (int i = 0; i < 3; i++) {
                float d = length(q - vec2(0.0, 0.76 - 0.76 * float(i)));
                float on = i == 0 ? 1.0 - lamp_colour : (i == 2 ? lamp_colour : 0.0);
                vec3 eye_colour = i == 0 ? vec3(1.0, 0.04, 0.02) : i == 1 ? vec3(1.0, 0.5, 0.05) : vec3(0.05, 1.0, 0.45);
                c += eye_colour * smoothstep(0.33, 0.27, d) * (0.02 + 14.0 * on);
            }
        }
        return c;
    }
    if (hit.seed.x > 0.5 && hit.normal.y < -0.5) return vec3(1.0, 0.62, 0.28) * 12.0;
    return vec3(0.010, 0.008, 0.010);
}

vec3 emitted(Hit hit, vec3 from, vec3 ray) {
    vec3 p = from + hit.t * ray;
    vec3 c;
    if (hit.kind == SKY) return night(ray);
    if (hit.kind == HOUSE) c = house_light(hit, p);
    else if (hit.kind == SIGN) c = sign_light(hit, p);
    else if (hit.kind == CAR) c = car_light(hit, p, ray);
    else if (hit.kind == POLE) c = pole_light(hit, p);
    else c = vec3(0.0);
    float haze = 1.0 - exp(-0.0045 * hit.t);
    return mix(c, vec3(0.060, 0.030, 0.075) * (0.5 + 0.7 * exp(-0.03 * max(p.y, 0.0))), haze);
}

// Lamps' pools on the ground, and the car's own headlights.
vec3 ground_light(vec3 p) {
    vec3 c = vec3(0.004, 0.004, 0.008);
    float cell = floor(p.z / BLOCK);
    for (int i = -1; i <= 1; i++) {
        float k = cell + float(i);
        float side = mod(k, 2.0) * 2.0 - 1.0;
        vec3 lamp = vec3(side * (ROAD - 0.8), 7.1, (k + 0.5) * BLOCK) - p;
        float d2 = dot(lamp, lamp);
        c += vec3(1.0, 0.58, 0.24) * 7.1 * 1.1 / (d2 * sqrt(d2)) * 2.4;
        for (int s = 0; s < 2; s++) {
            float wall = s == 0 ? -1.0 : 1.0;
            vec4 seed = house_seed(wall, 0.0, k);
            vec3 glow = vec3(wall * PAVEMENT, 4.5, (k + 0.5) * BLOCK) - p;
            c += neon(seed.x * 5.0 + seed.y) * step(0.3, seed.z) * 0.55 / (6.0 + dot(glow, glow));
        }
    }
    vec3 own = p - eye;
    if (own.z > 0.0) c += vec3(0.95, 0.95, 1.0) * 0.35 * exp(-0.11 * own.z) * exp(-pow(own.x / (0.9 + 0.20 * own.z), 2.0)) * smoothstep(0.5, 5.0, own.z);
    vec3 eyes = p - vec3(-2.7, 5.5, signal_z);
    c += mix(vec3(1.0, 0.04, 0.03), vec3(0.05, 0.9, 0.4), lamp_colour) * 9.0 / (12.0 + dot(eyes, eyes));
    for (int i = 0; i < 2; i++) {
        vec3 front = p - vec3(2.8, 0.6, oncoming(float(i)) - 2.1);
        if (front.z < 0.0) c += vec3(1.0, 0.95, 0.85) * 0.9 * exp(0.10 * front.z) * exp(-pow(front.x / (0.9 - 0.16 * front.z), 2.0));
    }
    vec3 back = p - vec3(-2.6, 0.5, ahead - 2.1);
    if (back.z < 0.0) c += vec3(1.0, 0.03, 0.02) * (0.05 + 0.5 * braking) / (0.6 + dot(back, back) * 0.5);
    return c;
}

vec3 shade(vec2 pixel) {
    vec3 ray = view_ray(pixel);
    Hit hit = trace(eye, ray, 26);
    vec3 c = emitted(hit, eye, ray);
    if (hit.kind == GROUND && hit.t < 400.0) {
        vec3 p = eye + hit.t * ray;
        float road = step(abs(p.x), ROAD);
        float far = smoothstep(60.0, 8.0, hit.t);
        float rough = fbm2(p.xz * vec2(0.55, 0.35), 4);
        float puddle = smoothstep(0.40, 0.56, rough);
        float asphalt = 0.55 + 0.6 * mix(0.5, noise2(p.xz * 9.0), far);
        // Markings: a dashed middle line, kerbs, a stop line with a crossing before the light
        float dash = smoothstep(0.11, 0.08, abs(p.x)) * step(fract(p.z / 9.0), 0.45);
        float lane = smoothstep(0.09, 0.06, abs(abs(p.x) - ROAD + 0.5));
        float stop_line = step(abs(p.z - signal_z + 6.5), 0.3) * step(p.x, 0.0) * road;
        float crossing = step(abs(p.z - signal_z + 3.2), 1.6) * step(0.5, fract(p.x / 1.1)) * road;
        float paint = max(max(dash, lane), max(stop_line, crossing)) * (0.4 + 0.6 * noise2(p.xz * 5.0));
        float tint = road > 0.5 ? 0.055 * asphalt : 0.10 * (0.8 + 0.4 * step(0.05, fract(p.z * 0.5)) * noise2(p.xz * 3.0));
        vec3 diffuse = (2.2 * tint + 0.40 * paint) * ground_light(p);
        // Rain rings and the road's grain bend the mirror
        vec2 bend = vec2(noise2(p.xz * vec2(2.2, 1.3) + 3.0) - 0.5, noise2(p.xz * vec2(1.6, 2.8) + 9.0) - 0.5) * 0.026;
        vec2 grit = vec2(noise2(p.xz * 13.0) - 0.5, noise2(p.zx * vec2(9.0, 15.0) + 31.0) - 0.5);
        bend *= mix(1.0, 0.45, puddle);
        bend += grit * mix(0.045, 0.008, puddle) * smoothstep(26.0, 4.0, hit.t);
        for (int i = 0; i < 2; i++) {
            vec2 drop_cell = floor(p.xz * (1.4 + float(i) * 0.7)), inside = fract(p.xz * (1.4 + float(i) * 0.7)) - 0.5;
            float born = hash2(drop_cell + float(i) * 17.0), age = fract(time * 1.3 + born);
            vec2 to = inside - (vec2(hash2(drop_cell + 1.0), hash2(drop_cell + 2.0)) - 0.5) * 0.4;
            float r = length(to);
            bend += to / (r + 0.01) * sin(40.0 * (r - 0.5 * age)) * exp(-60.0 * pow(r - 0.5 * age, 2.0)) * (1.0 - age) * 0.05 * puddle * far;
        }
        vec3 normal = normalize(vec3(bend.x, 1.0, bend.y));
        float facing = max(dot(-ray, normal), 0.0);
        float mirror = mix(0.035, 0.14, puddle) + mix(0.42, 0.90, puddle) * pow(1.0 - facing, 4.0);
        mirror *= road > 0.5 ? 1.0 : 0.55;
        vec3 bounce = reflect(ray, normal);
        bounce.y = abs(bounce.y) + 0.002;
        vec3 from = p + vec3(0, 0.01, 0);
        Hit seen = trace(from, bounce, 14);
        vec3 reflected = emitted(seen, from, bounce);
        c = diffuse + mirror * reflected;
        float haze = 1.0 - exp(-0.0045 * hit.t);
        c = mix(c, vec3(0.060, 0.030, 0.075) * 1.1, haze);
    }
    // Halos of lamps in the wet air
    float cell = floor(eye.z / BLOCK);
    for (int i = 0; i < 9; i++) {
        float k = cell + float(i);
        float side = mod(k, 2.0) * 2.0 - 1.0;
        vec3 lamp = vec3(side * (ROAD - 0.4), 7.1, (k + 0.5) * BLOCK) - eye;
        float along = dot(lamp, ray);
        if (along > 0.0 && along < hit.t + 1.0) {
            float off = dot(lamp, lamp) - along * along;
            c += vec3(1.0, 0.58, 0.25) * 0.05 / (0.12 + off) * smoothstep(3.0, 14.0, along);
        }
    }
    for (int i = 0; i < 6; i++) {  // and of headlights
        vec3 lamp = vec3(2.8 + (i % 2 == 0 ? 0.64 : -0.64), 0.66, oncoming(float(i / 2)) - 2.1) - eye;
        float along = dot(lamp, ray);
        if (along > 0.0 && along < hit.t + 3.0) {
            float off = dot(lamp, lamp) - along * along;
            c += vec3(1.0, 0.94, 0.84) * 0.035 / (0.03 + off) * smoothstep(1.0, 9.0, along);
        }
    }
    // Rain: streaks in two layers of depth
    for (int i = 0; i < 2; i++) {
        float depth = 2.5 + 3.5 * float(i);
        vec2 q = vec2(atan(ray.x, ray.z), ray.y / length(ray.xz)) * depth * 5.0;
        q.y = q.y * 0.11 + time * (2.2 + 0.3 * float(i));
        vec2 drop = floor(q), inside = fract(q);
        float h = hash2(drop + float(i) * 31.0);
        float streak = smoothstep(0.05, 0.0, abs(inside.x - 0.2 - 0.6 * h)) * smoothstep(0.0, 0.5, inside.y) * smoothstep(1.0, 0.6, inside.y);
        c += streak * step(0.72, h) * step(depth, hit.t) * (vec3(0.010, 0.010, 0.014) + 0.10 * c);
    }
    return c;
}
