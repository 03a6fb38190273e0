// What every world shares. film.py defines SCENE, MIX or DEVELOP before it; a world stands after it.

uniform vec2 resolution;
uniform float time;
uniform sampler2D first, second;
out vec4 result;

float luma(vec3 c) { return dot(c, vec3(0.2126, 0.7152, 0.0722)); }

// ---- noise: arithmetic alone, so that it is the same on every renderer

float hash1(float n) { return fract(sin(n * 12.9898) * 43758.5453); }
float hash2(vec2 p) {
    vec3 q = fract(vec3(p.xyx) * 0.1031);
    q += dot(q, q.yzx + 33.33);
    return fract((q.x + q.y) * q.z);
}
float hash3(vec3 p) {
    p = fract(p * 0.1031);
    p += dot(p, p.zyx + 31.32);
    return fract((p.x + p.y) * p.z);
}
float noise2(vec2 x) {
    vec2 i = floor(x), f = fract(x);
    f = f * f * (3.0 - 2.0 * f);
    return mix(mix(hash2(i), hash2(i + vec2(1, 0)), f.x),
               mix(hash2(i + vec2(0, 1)), hash2(i + vec2(1, 1)), f.x), f.y);
}
float noise3(vec3 x) {
    vec3 i = floor(x), f = fract(x);
    f = f * f * (3.0 - 2.0 * f);
    return mix(mix(mix(hash3(i), hash3(i + vec3(1, 0, 0)), f.x),
                   mix(hash3(i + vec3(0, 1, 0)), hash3(i + vec3(1, 1, 0)), f.x), f.y),
               mix(mix(hash3(i + vec3(0, 0, 1)), hash3(i + vec3(1, 0, 1)), f.x),
                   mix(hash3(i + vec3(0, 1, 1)), hash3(i + vec3(1, 1, 1)), f.x), f.y), f.z);
}
const mat2 TURN = mat2(0.8, 0.6, -0.6, 0.8);
float fbm2(vec2 p, int octaves) {
    float sum = 0.0, weight = 0.5;
    for (int i = 0; i < octaves; i++) {
        sum += weight * noise2(p);
        p = TURN * p * 2.03 + 17.3;
        weight *= 0.5;
    }
    return sum;
}
// Interleaved gradient noise (Jimenez 2014): averages to 1/2 over any 3 x 3 pixels, nearly.
float interleaved(vec2 pixel) {
    return fract(52.9829189 * fract(dot(floor(pixel), vec2(0.06711056, 0.00583715))));
}

#ifdef SCENE
uniform vec3 eye, target;
uniform float focal, roll, edge;  // edge: the contrast from which a pixel is smoothed
uniform int smoothing;  // 0 one sample, 1 more where edges are, 2 one of many, tamed
uniform vec2 shift;     // where in the pixel that one is

vec3 view_ray(vec2 pixel) {
    vec2 p = (2.0 * pixel - resolution) / resolution.y;
    p = mat2(cos(roll), sin(roll), -sin(roll), cos(roll)) * p;
    vec3 forward = normalize(target - eye);
    vec3 right = normalize(cross(forward, vec3(0, 1, 0)));
    return normalize(p.x * right + p.y * cross(right, forward) + focal * forward);
}

vec3 shade(vec2 pixel);  // the world's: linear light

vec3 tamed(vec3 c) { return c / (1.0 + luma(c)); }
void main() {
    vec2 pixel = gl_FragCoord.xy;
    if (smoothing == 0) {
        result = vec4(max(shade(pixel), 0.0), 1.0);
        return;
    }
    if (smoothing == 2) {
        result = vec4(tamed(max(shade(pixel + shift), 0.0)), 1.0);
        return;
    }
    // Four more samples where a neighbour differs; averaged as they will look, so that one very
    // bright sample does not win.
    ivec2 at = ivec2(pixel), last = ivec2(resolution) - 1;
    vec3 centre = tamed(texelFetch(first, at, 0).rgb);
    float difference = 0.0;
    for (int i = 0; i < 4; i++) {
        ivec2 by = i < 2 ? ivec2(2 * i - 1, 0) : ivec2(0, 2 * i - 5);
        vec3 other = tamed(texelFetch(first, clamp(at + by, ivec2(0), last), 0).rgb);
        difference = max(difference, luma(abs(other - centre)) / (0.06 + luma(centre)));
    }
    vec3 sum = centre;
    if (difference > edge) {
        sum += tamed(max(shade(pixel + vec2(0.375, 0.125)), 0.0));
        sum += tamed(max(shade(pixel + vec2(-0.125, 0.375)), 0.0));
        sum += tamed(max(shade(pixel + vec2(-0.375, -0.125)), 0.0));
        sum += tamed(max(shade(pixel + vec2(0.125, -0.375)), 0.0));
        sum /= 5.0;
    }
    result = vec4(sum / max(1.0 - luma(sum), 1e-3), 1.0);
}
#endif

#ifdef MIX
uniform float share;
uniform bool untame;
void main() {
    ivec2 at = ivec2(gl_FragCoord.xy);
    result = mix(texelFetch(first, at, 0), texelFetch(second, at, 0), share);
    if (untame) result.rgb /= max(1.0 - luma(result.rgb), 1e-3);
}
#endif

#ifdef DEVELOP
uniform float exposure, bloom, grain, smooth_jitter;

// A cubic B-spline over a mip level in four reads, so that bloom shows no squares.
vec3 spline(float level, vec2 at) {
    vec2 size = max(floor(resolution / exp2(level)), 1.0);
    vec2 p = at * size - 0.5, i = floor(p), f = p - i;
    vec2 w0 = (1.0 - f) * (1.0 - f) * (1.0 - f), w3 = f * f * f;
    vec2 w1 = 3.0 * w3 - 6.0 * f * f + 4.0, w2 = 6.0 - w0 - w1 - w3;
    vec2 low = w0 + w1, high = w2 + w3;
    vec2 a = (i - 0.5 + w1 / low) / size, b = (i + 1.5 + w3 / high) / size;
    return (low.x * (low.y * textureLod(first, a, level).rgb
                     + high.y * textureLod(first, vec2(a.x, b.y), level).rgb)
            + high.x * (low.y * textureLod(first, vec2(b.x, a.y), level).rgb
                        + high.y * textureLod(first, b, level).rgb)) / 36.0;
}

// Film-like tone curve (the rational fit of Narkowicz 2016), on slightly mixed channels so that
// strong colours go to white instead of to a wall.
vec3 film_curve(vec3 c) {
    c = mat3(0.90, 0.05, 0.05, 0.05, 0.90, 0.05, 0.05, 0.05, 0.90) * c;
    c = clamp(c * (2.51 * c + 0.03) / (c * (2.43 * c + 0.59) + 0.14), 0.0, 1.0);
    return mat3(1.10, -0.05, -0.05, -0.05, 1.10, -0.05, -0.05, -0.05, 1.10) * c;
}

void main() {
    vec2 at = gl_FragCoord.xy / resolution;
    vec3 light = textureLod(first, at, 0.0).rgb;
    if (smooth_jitter > 0.0) {  // the march's jitter averages out over 3 x 3 alike pixels
        vec3 sum = vec3(0.0);
        float weights = 0.0;
        for (int y = -1; y <= 1; y++) for (int x = -1; x <= 1; x++) {
            vec3 other = textureLod(first, at + vec2(x, y) / resolution, 0.0).rgb;
            float unlike = luma(abs(other - light)) / (0.02 + luma(light));
            float weight = exp(-unlike * unlike / (smooth_jitter * smooth_jitter));
            sum += weight * other;
            weights += weight;
        }
        light = sum / weights;
    }
    vec3 glow = vec3(0.0);
    float offset = log2(resolution.y / 360.0), total = 0.0;
    for (int i = 1; i <= 6; i++) {
        float weight = 1.0 / float(i);
        glow += weight * spline(float(i) + offset, at);
        total += weight;
    }
    light = mix(light, glow / total, bloom);
    vec2 edge = (at - 0.5) * vec2(1.0, 0.8);
    light *= exposure * (1.0 - 0.9 * dot(edge, edge));
    vec3 c = pow(clamp(film_curve(light), 0.0, 1.0), vec3(1.0 / 2.2));
    // A little grain, as coarse as two pixels, and a triangular dither of one code value.
    float coarse = noise2(gl_FragCoord.xy * 0.6 + 71.0 * fract(time * 7.13)) - 0.5;
    c += grain * coarse * (1.0 - 0.6 * luma(c));
    vec3 dither = vec3(hash3(vec3(gl_FragCoord.xy, 1.0)), hash3(vec3(gl_FragCoord.xy, 2.0)),
                       hash3(vec3(gl_FragCoord.xy, 3.0)));
    dither -= vec3(hash3(vec3(gl_FragCoord.xy, 4.0)), hash3(vec3(gl_FragCoord.xy, 5.0)),
                   hash3(vec3(gl_FragCoord.xy, 6.0)));
    result = vec4(c + dither / 255.0, 1.0);
}
#endif
