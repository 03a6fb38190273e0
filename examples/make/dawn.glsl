// Dawn over a sea of clouds. One unit is about a kilometre; the clouds' mean top is y = 0.

uniform float dawn;    // 0 before first light .. 1 the sun is up
uniform vec3 sun;      // towards the sun
uniform float drift;   // how far the wind has carried the clouds

// ---- sky

vec3 sky(vec3 ray) {
    float up = max(ray.y, 0.0), towards = dot(ray, sun);
    float flat_towards = dot(normalize(ray.xz), normalize(sun.xz)) * 0.5 + 0.5;
    vec3 zenith = mix(vec3(0.018, 0.034, 0.105), vec3(0.085, 0.19, 0.45), dawn);
    vec3 middle = mix(vec3(0.10, 0.085, 0.20), vec3(0.36, 0.42, 0.58), dawn);
    vec3 low_far = mix(vec3(0.10, 0.085, 0.17), vec3(0.46, 0.36, 0.44), dawn);
    vec3 low_near = mix(vec3(0.95, 0.30, 0.13), vec3(1.55, 0.80, 0.36), dawn);
    vec3 low = mix(low_far, low_near, pow(flat_towards, 4.0));
    vec3 c = mix(low, middle, smoothstep(0.0, 0.30, up));
    c = mix(c, zenith, smoothstep(0.10, 0.85, up));
    float glow = max(towards, 0.0);
    c += vec3(1.0, 0.45, 0.18) * (0.45 + 0.9 * dawn) * pow(glow, 24.0) * 0.6;
    c += vec3(1.0, 0.65, 0.35) * dawn * pow(glow, 220.0) * 2.0;
    return c;
}

vec3 sun_disc(vec3 ray) {
    return vec3(1.0, 0.72, 0.40) * 40.0 * smoothstep(0.99965, 0.99980, dot(ray, sun)) * dawn;
}

vec3 heavens(vec3 ray) {
    vec3 c = sky(ray) + sun_disc(ray);
    if (ray.y > 0.02) {
        // High cirrus, lit from below
        vec2 p = ray.xz / (ray.y + 0.12);
        float veil = fbm2(p * vec2(0.7, 1.9) + vec2(drift * 0.15, 3.0) + 0.8 * fbm2(p * 0.9, 2), 5);
        veil = smoothstep(0.42, 0.85, veil) * smoothstep(0.02, 0.20, ray.y);
        float near = pow(max(dot(ray, sun), 0.0), 3.0);
        vec3 lit = mix(vec3(0.32, 0.16, 0.24), vec3(1.5, 0.72, 0.50), near) * (0.35 + 0.75 * dawn);
        c = mix(c, lit, 0.75 * veil);
        // Stars, going out
        vec2 cell = floor(ray.xy / (1.0 + ray.z * ray.z) * 260.0);
        vec2 inside = fract(ray.xy / (1.0 + ray.z * ray.z) * 260.0) - 0.5;
        float star = step(0.988, hash2(cell)) * smoothstep(0.32, 0.05, length(inside));
        c += star * hash2(cell + 9.0) * 0.8 * (1.0 - smoothstep(0.0, 0.35, dawn))
             * smoothstep(0.12, 0.5, ray.y) * (1.0 - veil);
    }
    return c;
}

// ---- mountains that stand out of the clouds

const int NUM_PEAKS = 6;
uniform vec4 peaks[NUM_PEAKS];  // x, z, height, radius

float mountain(vec2 p, int octaves) {
    float height = -2.0;
    for (int i = 0; i < NUM_PEAKS; i++) {
        float away = length(p - peaks[i].xy) / peaks[i].w;
        if (away < 1.6) height = max(height, peaks[i].z - (peaks[i].z + 1.0) * pow(away, 0.74));
    }
    if (height < -1.4) return height;
    float ridge = 0.0, weight = 0.5, sharp = 1.0;
    vec2 q = p * 0.85;
    for (int i = 0; i < octaves; i++) {
        float n = 1.0 - abs(2.0 * noise2(q) - 1.0);
        n *= n * sharp;
        ridge += weight * n;
        sharp = clamp(1.5 * n, 0.0, 1.0);
        weight *= 0.5;
        q = TURN * q * 2.1 + 5.7;
    }
    return height + 0.95 * (ridge - 0.35);
}

float hit_mountain(vec3 from, vec3 ray, float far) {
    float nearest = far, farthest = 0.0;
    for (int i = 0; i < NUM_PEAKS; i++) {  // march only inside the circles that the ray crosses
        vec2 o = from.xz - peaks[i].xy, d = normalize(ray.xz);
        float b = dot(o, d), c = dot(o, o) - pow(1.25 * peaks[i].w, 2.0), h = b * b - c;
        if (h > 0.0) {
            h = sqrt(h);
            float flat_length = length(ray.xz);
            if (-b + h > 0.0) {
                nearest = min(nearest, max(-b - h, 0.0) / flat_length);
                farthest = max(farthest, (-b + h) / flat_length);
            }
        }
    }
    float t = nearest;
    for (int i = 0; i < 90 && t < min(farthest, far); i++) {
        vec3 p = from + t * ray;
        if (p.y > 3.2 && ray.y > 0.0) return far;
        if (p.y < -0.9) return far;
        float gap = p.y - mountain(p.xz, 5);
        if (gap < 0.0012 * t) return t;
        t += max(0.38 * gap, 0.002 * t);
    }
    return far;
}

// ---- the sea of clouds

float cloud_top(vec2 p) {
    float swell = noise2(p * 0.16) * 0.9 + noise2(TURN * p * 0.47 + 3.1) * 0.55;
    return swell - 0.78;
}

float cloud_density(vec3 p, float top, int octaves) {
    vec3 q = p * vec3(1.15, 1.5, 1.15) + vec3(0.0, -0.12 * drift, 0.0);
    float sum = 0.0, weight = 0.5;
    for (int i = 0; i < octaves; i++) {
        float n = noise3(q);
        sum += weight * (i < 2 ? 1.0 - abs(2.0 * n - 1.0) : n);
        q = q * 2.17 + vec3(3.1, 1.7, 5.3);
        q.xz = TURN * q.xz;
        weight *= 0.5;
    }
    return clamp(1.5 * (top - p.y) + 2.1 * (sum - 0.56), 0.0, 1.0);
}

vec3 fog_colour(vec3 ray) { return sky(normalize(vec3(ray.x, 0.035, ray.z))); }

vec4 clouds(vec3 from, vec3 ray, float far, float jitter) {
    const float CEILING = 0.95, FLOOR = -1.1;
    float begin = 0.0, end = far;
    if (from.y > CEILING) begin = ray.y < 0.0 ? (CEILING - from.y) / ray.y : far;
    else if (ray.y > 0.0) end = min(end, (CEILING - from.y) / ray.y);
    if (ray.y < 0.0) end = min(end, (FLOOR - from.y) / ray.y);
    end = min(end, 42.0);
    vec4 sum = vec4(0.0);
    vec3 wind = vec3(drift, 0.0, 0.35 * drift);
    vec3 fog = fog_colour(ray);
    float towards = max(dot(ray, sun), 0.0);
    vec3 sun_light = mix(vec3(0.50, 0.15, 0.15), vec3(2.9, 1.36, 0.58), dawn);
    vec3 sky_light = mix(vec3(0.060, 0.078, 0.19), vec3(0.17, 0.23, 0.42), dawn);
    float t = begin + max(0.04, 0.022 * begin) * jitter;
    for (int i = 0; i < 110 && t < end && sum.a < 0.985; i++) {
        vec3 p = from + t * ray;
        vec3 q = p + wind;
        float top = cloud_top(q.xz);
        int octaves = t < 5.0 ? 5 : (t < 14.0 ? 4 : 3);
        float headroom = p.y - top - 0.42;  // above this no cloud can be
        float stride = max(0.045, 0.021 * t);
        if (headroom > 0.0) {
            t += max(stride, 0.55 * headroom);
            continue;
        }
        float density = cloud_density(q, top, octaves);
        if (density > 0.01) {
            vec3 ahead = q + 0.34 * vec3(sun.x, max(sun.y, 0.10), sun.z);
            float shade_there = cloud_density(ahead, cloud_top(ahead.xz), 3);
            float lit = exp(-3.4 * shade_there) * (1.0 - 0.55 * density);
            float depth = clamp((p.y - top) * 0.9 + 0.95, 0.0, 1.0);
            float edge_light = (1.0 - density) * (0.5 + 2.6 * pow(towards, 6.0));
            vec3 c = sky_light * (0.12 + 1.0 * depth * depth) + sun_light * lit * (0.55 + 0.55 * edge_light) * depth;
            float haze = 1.0 - exp(-0.0016 * t * t * (1.0 - 0.35 * clamp(p.y, 0.0, 1.0)));
            c = mix(c, fog, haze);
            float alpha = 1.0 - exp(-density * stride * 7.5);
            sum += vec4(c, 1.0) * alpha * (1.0 - sum.a);
        }
        t += stride;
    }
    return sum;
}

// ---- all of it

vec3 shade(vec2 pixel) {
    const float FAR = 60.0;
    vec3 ray = view_ray(pixel);
    float t = hit_mountain(eye, ray, FAR);
    vec3 c;
    if (t < FAR) {
        vec3 p = eye + t * ray;
        float e = max(0.004, 0.0016 * t);
        int octaves = t < 8.0 ? 8 : 6;
        float h = mountain(p.xz, octaves);
        vec3 normal = normalize(vec3(h - mountain(p.xz + vec2(e, 0), octaves), e,
                                     h - mountain(p.xz + vec2(0, e), octaves)));
        vec3 low_sun = normalize(vec3(sun.x, max(sun.y, 0.06), sun.z));
        float shadow = 1.0;
        for (int i = 1; i < 14; i++) {
            vec3 s = p + low_sun * 0.09 * float(i) * (1.0 + 0.12 * float(i));
            shadow = min(shadow, smoothstep(-0.05, 0.03, s.y - mountain(s.xz, 4)));
        }
        float snow = smoothstep(0.42, 0.70, normal.y + 0.25 * (fbm2(p.xz * 5.0, 3) - 0.45))
                     * smoothstep(-0.2, 0.5, p.y);
        vec3 rock = mix(vec3(0.055, 0.048, 0.05), vec3(0.10, 0.085, 0.075), noise2(p.xz * 14.0 + p.y * 9.0));
        vec3 ground = mix(rock, vec3(0.78, 0.80, 0.86), snow);
        vec3 sun_light = mix(vec3(0.75, 0.20, 0.16), vec3(3.3, 1.55, 0.72), dawn);
        vec3 sky_light = mix(vec3(0.09, 0.11, 0.25), vec3(0.22, 0.30, 0.52), dawn);
        c = ground * (sun_light * max(dot(normal, low_sun), 0.0) * shadow
                      + sky_light * (0.45 + 0.55 * normal.y));
        float haze = 1.0 - exp(-0.0016 * t * t * (1.0 - 0.5 * clamp(p.y * 0.5, 0.0, 1.0)));
        c = mix(c, fog_colour(ray), haze);
    } else {
        c = heavens(ray);
        float horizon = exp(-max(ray.y, 0.0) * 22.0);
        c = mix(c, fog_colour(ray), 0.85 * horizon * step(0.0, ray.y) + step(ray.y, 0.0));
        c += sun_disc(ray) * 0.7 * step(0.0, ray.y);
    }
    vec4 veil = clouds(eye, ray, t, interleaved(pixel));
    c = c * (1.0 - veil.a) + veil.rgb;
    return c;
}
