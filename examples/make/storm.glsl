// A storm at sea that breaks. One unit is a metre; the sea's mean level is y = 0.

uniform float calm;      // 0 storm .. 1 after it
uniform float flash;     // lightning's light on everything
uniform vec3 bolt;       // where a bolt stands: x and z of its foot, and its seed
uniform vec3 sun;        // towards the sun
uniform float beam;      // bearing of the lighthouse's beam, radians
uniform float rain;      // 0..1

// ---- the sea: crossed trains of sharp-crested waves

float wave_height(vec2 p, int octaves) {
    float height = 0.0, amplitude = mix(2.1, 0.50, calm), scale = 0.046, choppy = mix(3.6, 2.6, calm);
    float speed = 0.62;
    vec2 q = p * vec2(1.0, 0.75);
    for (int i = 0; i < octaves; i++) {
        for (int k = 0; k < 2; k++) {
            vec2 u = (q + (k == 0 ? 1.0 : -1.0) * time * speed / scale * 0.55) * scale * (k == 0 ? 1.0 : 1.13);
            u += 1.1 * noise2(u + 7.0 * float(k)) - 0.55;
            vec2 s = 1.0 - abs(sin(u)), c = abs(cos(u));
            s = mix(s, c, s);
            height += amplitude * pow(1.0 - pow(s.x * s.y, 0.65), choppy);
        }
        q = TURN * q * 1.02;
        scale *= 1.93;
        amplitude *= 0.36;
        speed *= 1.35;
        choppy = mix(choppy, 1.0, 0.22);
    }
    return height * 0.9 - mix(1.6, 0.4, calm);
}

// ---- sky

vec3 sky(vec3 ray, int octaves) {
    float up = max(ray.y, 0.0), towards = max(dot(ray, sun), 0.0);
    vec2 p = ray.xz / (up + 0.16);
    vec2 slow = vec2(time * 0.035, time * 0.02);
    float warp = fbm2(p * 0.55 + slow, 3);
    float thick = fbm2(p * vec2(0.9, 1.3) + 2.2 * warp + slow * 1.7, octaves);
    float broken = mix(0.0, smoothstep(0.32, 0.66, thick), calm);
    // Storm cloud: dark bellies, paler between
    vec3 belly = mix(vec3(0.010, 0.014, 0.020), vec3(0.105, 0.128, 0.155), smoothstep(0.30, 0.80, thick));
    vec3 band = vec3(0.10, 0.125, 0.135) * exp(-8.0 * up);
    vec3 storm = belly + band;
    // After it: a cleared sky low down, golden, with torn cloud above
    vec3 clear = mix(vec3(1.05, 0.47, 0.17), vec3(0.11, 0.22, 0.43), smoothstep(0.0, 0.38, up));
    clear += vec3(1.0, 0.55, 0.22) * (0.6 * pow(towards, 8.0) + 1.6 * pow(towards, 90.0));
    vec3 torn = mix(vec3(0.10, 0.085, 0.115), vec3(1.15, 0.52, 0.27), smoothstep(0.52, 0.34, thick) * (0.25 + 0.75 * pow(towards, 2.0)));
    torn += vec3(1.0, 0.5, 0.22) * pow(towards, 6.0) * smoothstep(0.62, 0.45, thick);
    float cover = smoothstep(0.36, 0.52, thick) * smoothstep(0.03, 0.16, up);
    vec3 after = mix(clear, torn, 0.92 * cover);
    vec3 c = mix(storm, after, smoothstep(0.0, 1.0, calm + 0.35 * calm * (1.0 - calm) * (towards - 0.5)));
    // Lightning lights the cloud from within, most around the bolt
    vec3 to_bolt = normalize(vec3(bolt.x, 140.0, bolt.y) - vec3(eye.x, 0.0, eye.z));
    float near = pow(max(dot(ray, to_bolt), 0.0), 10.0);
    c += flash * vec3(0.62, 0.70, 1.0) * (0.03 + 0.62 * near) * (0.10 + 1.3 * thick);
    return c;
}

vec3 sun_disc(vec3 ray) {
    return vec3(1.0, 0.66, 0.32) * 30.0 * smoothstep(0.99955, 0.99975, dot(ray, sun)) * smoothstep(0.75, 1.0, calm);
}

// The bolt itself: a path of midpoints pushed aside, drawn in the plane that faces the camera.
float bolt_light(vec3 ray) {
    if (flash < 0.25) return 0.0;
    vec3 foot = vec3(bolt.x, 0.0, bolt.y);
    vec3 d = foot - eye;
    float along = length(d.xz);
    vec2 forward = d.xz / along;
    float depth = dot(ray.xz, forward);
    if (depth < 0.05) return 0.0;
    vec3 p = eye + ray * (along / depth);
    float x = dot(p.xz - bolt.xy, vec2(-forward.y, forward.x)), y = p.y;
    if (y < 0.0 || y > 420.0) return 0.0;
    float light = 0.0;
    for (int branch = 0; branch < 4; branch++) {
        float s = bolt.z + float(branch) * 5.7;
        float begin = branch == 0 ? 420.0 : 215.0 - 38.0 * float(branch);
        float end = branch == 0 ? 0.0 : begin - 55.0;
        if (y > begin || y < end) continue;
        float path = 0.0, amplitude = 26.0, scale = 0.012, root = 0.0;
        for (int i = 0; i < 6; i++) {
            path += amplitude * (noise2(vec2(y * scale, bolt.z + float(i) * 3.1)) - 0.5);
            root += branch == 0 ? 0.0 : amplitude * 0.9 * ((noise2(vec2(y * scale, s + float(i))) - 0.5) - (noise2(vec2(begin * scale, s + float(i))) - 0.5));
            amplitude *= 0.56;
            scale *= 2.1;
        }
        float aside = branch == 0 ? 0.0 : (hash1(s) > 0.5 ? 1.0 : -1.0) * (begin - y) * 0.55;
        float off = abs(x - path - root - aside);
        float thin = branch == 0 ? 1.0 : 0.4 * smoothstep(end, begin, y);
        light += thin * (1.6 * exp(-off * off * 1.3) + 0.05 / (0.15 + off * 0.18));
    }
    return light * flash * smoothstep(420.0, 260.0, y);
}

// ---- the rock with its lighthouse

const vec3 ROCK = vec3(-30.0, 0.0, 150.0);

float rock_height(vec2 p, int octaves) {
    vec2 q = p - ROCK.xz;
    float away = length(q * vec2(0.80, 1.0));
    float ridge = 0.0, weight = 1.0;
    vec2 r = p * 0.055;
    for (int i = 0; i < octaves; i++) {
        ridge += weight * (1.0 - abs(2.0 * noise2(r) - 1.0));
        weight *= 0.5;
        r = TURN * r * 2.13 + 3.3;
    }
    float shore = length((q - vec2(16.0, -4.0)) * vec2(0.55, 1.0));
    float top = max(24.0 - 0.030 * away * away, 9.0 - 0.024 * shore * shore);
    return top + 7.5 * (ridge - 1.2) * smoothstep(4.0, 15.0, away) + 0.5;
}

float tower(vec3 p) {  // signed distance: shaft, gallery, lantern, roof
    vec3 q = p - vec3(ROCK.x, 23.0, ROCK.z);
    float r = length(q.xz);
    float shaft = max(r - mix(2.5, 1.75, clamp(q.y / 17.0, 0.0, 1.0)), abs(q.y - 8.5) - 8.5);
    float gallery = max(r - 2.7, abs(q.y - 17.1) - 0.25);
    float lantern = max(r - 1.25, abs(q.y - 18.6) - 1.5);
    float roof = max(r - 1.9 + 0.85 * (q.y - 20.0), abs(q.y - 21.0) - 1.0);
    return min(min(shaft, gallery), min(lantern, roof));
}

// ---- light on things

vec3 sky_light() { return mix(vec3(0.075, 0.095, 0.12), vec3(0.20, 0.23, 0.32), calm) + flash * vec3(0.11, 0.135, 0.21); }
vec3 sun_light() { return vec3(2.6, 1.45, 0.65) * calm * calm; }
vec3 mist_colour(vec3 ray) {
    vec3 storm = vec3(0.085, 0.105, 0.118) + flash * vec3(0.06, 0.072, 0.11);
    float towards = pow(max(dot(ray, sun), 0.0), 4.0);
    return mix(storm, mix(vec3(0.42, 0.30, 0.28), vec3(1.25, 0.66, 0.30), towards), calm);
}
float mist(float t) { return 1.0 - exp(-t * mix(0.0032, 0.0008, calm)); }

vec3 sea_light(vec3 p, vec3 ray, float t) {
    float e = max(0.02, 0.0010 * t);
    int octaves = t < 60.0 ? 6 : (t < 200.0 ? 5 : 4);
    float h = wave_height(p.xz, octaves);
    vec3 normal = normalize(vec3(h - wave_height(p.xz + vec2(e, 0), octaves), e, h - wave_height(p.xz + vec2(0, e), octaves)));
    normal = normalize(mix(normal, vec3(0, 1, 0), smoothstep(60.0, 700.0, t) * 0.75));
    float facing = clamp(1.0 - dot(normal, -ray), 0.0, 1.0);
    float mirror = 0.02 + 0.80 * pow(facing, 4.0);
    vec3 bounce = reflect(ray, normal);
    bounce.y = abs(bounce.y);
    vec3 reflected = sky(bounce, 3);
    vec3 deep = mix(vec3(0.010, 0.026, 0.032), vec3(0.012, 0.050, 0.068), calm);
    float lift = smoothstep(0.0, mix(3.4, 1.0, calm), p.y + 0.4);
    vec3 through = mix(vec3(0.045, 0.12, 0.12), vec3(0.10, 0.30, 0.26), calm) * lift * (0.6 + 0.8 * pow(max(dot(ray, sun), 0.0), 3.0));
    vec3 c = mix(deep * (sky_light() * 3.0 + 0.5) + through * (sky_light() + 0.35 * sun_light()), reflected, mirror);
    // Foam on crests and torn along the wind, and around the rock
    float crest = smoothstep(mix(1.3, 0.9, calm), mix(3.2, 1.8, calm), p.y);
    float lace = fbm2(p.xz * vec2(0.62, 0.30) + vec2(time * 0.25, 0.0), 5);
    float streaks = smoothstep(0.50, 0.72, fbm2(p.xz * vec2(0.05, 0.30) + time * 0.12, 4)) * (1.0 - calm) * 0.45;
    float shore = smoothstep(-5.5, -0.2, rock_height(p.xz, 3) - p.y) * step(t, 400.0);
    float foam = clamp(max(crest, shore) * smoothstep(0.52, 0.80, lace + 0.26 * max(crest, shore)) + streaks * smoothstep(0.35, 0.6, lace), 0.0, 1.0);
    c = mix(c, vec3(0.75, 0.80, 0.82) * (sky_light() * 1.6 + 0.45 * sun_light()), 0.75 * foam);
    // The sun's road
    float glint = pow(max(dot(reflect(ray, normal), sun), 0.0), 90.0);
    c += vec3(1.0, 0.62, 0.30) * glint * 7.0 * calm * calm;
    return c;
}

vec3 land_light(vec3 p, vec3 ray, float t, bool is_tower) {
    vec3 normal, ground;
    if (is_tower) {
        vec2 e = vec2(0.02, 0.0);
        normal = normalize(vec3(tower(p + e.xyy) - tower(p - e.xyy), tower(p + e.yxy) - tower(p - e.yxy), tower(p + e.yyx) - tower(p - e.yyx)));
        float y = p.y - 23.0;
        ground = y > 17.6 ? vec3(0.09, 0.02, 0.02) : mix(vec3(0.62, 0.60, 0.56), vec3(0.48, 0.06, 0.045), step(0.5, fract(y / 6.8)));
        ground *= 0.85 + 0.3 * noise2(vec2(atan(p.x - ROCK.x, p.z - ROCK.z) * 6.0, y * 0.8));
    } else {
        float e = 0.05 + 0.0012 * t;
        float h = rock_height(p.xz, 8);
        normal = normalize(vec3(h - rock_height(p.xz + vec2(e, 0), 8), e, h - rock_height(p.xz + vec2(0, e), 8)));
        float grass = smoothstep(0.62, 0.85, normal.y) * smoothstep(8.0, 14.0, p.y);
        ground = mix(mix(vec3(0.055, 0.050, 0.048), vec3(0.13, 0.115, 0.10), noise2(p.xz * 0.9 + p.y * 0.6)), vec3(0.07, 0.085, 0.03), grass);
        ground *= mix(0.45, 1.0, smoothstep(0.5, 5.0, p.y));  // wet at the foot
    }
    float shadow = 1.0;
    for (int i = 1; i < 10; i++) {
        vec3 s = p + sun * (0.6 * float(i) + 0.12 * float(i * i)) + normal * 0.1;
        if (!is_tower) shadow = min(shadow, smoothstep(-0.8, 0.2, s.y - rock_height(s.xz, 4)));
    }
    vec3 from_bolt = normalize(vec3(bolt.x, 120.0, bolt.y) - p);
    vec3 c = ground * (sky_light() * (0.55 + 0.45 * normal.y) + sun_light() * max(dot(normal, sun), 0.0) * shadow
                       + flash * vec3(1.6, 1.8, 2.6) * max(dot(normal, from_bolt), 0.0));
    if (is_tower && p.y > 23.0 + 17.3 && p.y < 23.0 + 20.0) c += vec3(1.0, 0.78, 0.42) * 3.0;
    return c;
}

// Light that the beam scatters along a ray: a sweep through a cone about its axis.
vec3 beam_light(vec3 ray, float far) {
    vec3 lamp = vec3(ROCK.x, 41.6, ROCK.z);
    vec3 sum = vec3(0.0);
    for (int k = 0; k < 2; k++) {
        float bearing = beam + 3.14159265 * float(k);
        vec3 axis = vec3(sin(bearing), -0.035, cos(bearing));
        // closest points of the ray and the beam's axis
        vec3 w = eye - lamp;
        float b = dot(ray, axis), d = dot(ray, w), e = dot(axis, w);
        float t = (b * e - d) / max(1.0 - b * b, 1e-3), s = (e - b * d) / max(1.0 - b * b, 1e-3);
        t = clamp(t, 0.0, far);
        s = dot(eye + t * ray - lamp, axis);
        if (s < 0.0) continue;
        float off = length(eye + t * ray - lamp - s * axis);
        float width = 0.9 + 0.045 * s;
        sum += vec3(1.0, 0.86, 0.58) * exp(-off * off / (width * width)) * 0.34 / (1.0 + 0.010 * s) * exp(-0.004 * s);
    }
    vec3 to_lamp = lamp - eye;
    float along = dot(to_lamp, ray);
    if (along > 0.0 && along < far + 3.0) {
        float off2 = dot(to_lamp, to_lamp) - along * along;
        vec2 facing = normalize(-to_lamp.xz);
        float seen = pow(abs(dot(facing, vec2(sin(beam), cos(beam)))), 24.0);
        sum += vec3(1.0, 0.80, 0.50) * (0.35 + 9.0 * seen) / (1.0 + off2 * 0.6);
    }
    return sum * mix(1.0, 0.22, calm);
}

vec3 shade(vec2 pixel) {
    const float FAR = 2500.0;
    vec3 ray = view_ray(pixel);
    // Sea: march to the mean surface's neighbourhood, then halve
    float top = mix(5.2, 1.6, calm);
    float t = FAR;
    int kind = 0;
    if (ray.y < 0.0 || eye.y < top) {
        float a = eye.y > top ? (top - eye.y) / ray.y : 0.0;
        float b = ray.y < -0.0006 ? min((-2.4 - eye.y) / ray.y, FAR) : (ray.y > 0.0 ? (top - eye.y) / ray.y : FAR);
        float x = a, previous = a;
        for (int i = 0; i < 60 && x < b; i++) {
            vec3 p = eye + x * ray;
            float gap = p.y - wave_height(p.xz, x < 120.0 ? 3 : 2);
            if (gap < 0.0) {
                for (int k = 0; k < 6; k++) {
                    float middle = 0.5 * (previous + x);
                    vec3 m = eye + middle * ray;
                    if (m.y < wave_height(m.xz, x < 120.0 ? 4 : 2)) x = middle; else previous = middle;
                }
                t = x;
                kind = 1;
                break;
            }
            previous = x;
            x += max(0.55 * gap, 0.012 * x + 0.05);
        }
        if (kind == 0 && ray.y < -0.0006 && b < FAR) { t = b; kind = 1; }
    }
    // Rock and tower, inside a cylinder around them
    vec2 o = eye.xz - ROCK.xz, d = normalize(ray.xz);
    float bb = dot(o, d), cc = dot(o, o) - 46.0 * 46.0, h = bb * bb - cc;
    if (h > 0.0 && -bb + sqrt(h) > 0.0) {
        float flat_length = length(ray.xz);
        float x = max(-bb - sqrt(h), 0.5) / flat_length, end = min(t, (-bb + sqrt(h)) / flat_length);
        for (int i = 0; i < 110 && x < end; i++) {
            vec3 p = eye + x * ray;
            float land = p.y < 34.0 ? 0.45 * (p.y - rock_height(p.xz, 5)) : 6.0, shaft = tower(p);
            if (min(land, shaft) < 0.0008 * x) {
                t = x;
                kind = land < shaft ? 2 : 3;
                break;
            }
            x += max(min(land, shaft), 0.02);
        }
    }
    vec3 c;
    if (kind == 0) {
        c = sky(ray, 6) + sun_disc(ray) + vec3(0.75, 0.82, 1.0) * bolt_light(ray);
        c = mix(c, mist_colour(ray), exp(-max(ray.y, 0.0) * mix(16.0, 40.0, calm)) * 0.8);
    } else {
        vec3 p = eye + t * ray;
        c = kind == 1 ? sea_light(p, ray, t) : land_light(p, ray, t, kind == 3);
        c = mix(c, mist_colour(ray), mist(t));
    }
    c += beam_light(ray, t);
    // Shafts of sun between the torn clouds
    float towards = max(dot(ray, sun), 0.0);
    vec2 about = vec2(dot(ray, normalize(cross(sun, vec3(0, 1, 0)))), ray.y - sun.y);
    float angle = atan(about.x, about.y);
    float shafts = smoothstep(0.40, 0.75, fbm2(vec2(angle * 5.0, time * 0.06), 3) + 0.12) * pow(towards, 5.0);
    c += vec3(1.0, 0.58, 0.26) * shafts * 0.30 * smoothstep(0.45, 0.95, calm) * smoothstep(150.0, 900.0, t);
    // Rain in three depths, slanting with the wind
    if (rain > 0.0) {
        for (int i = 0; i < 3; i++) {
            float layer = 1.0 + float(i);
            vec2 q = (2.0 * pixel - resolution) / resolution.y;
            q.x += q.y * (0.20 + 0.03 * layer);
            q = q * vec2(11.0, 0.8) * (0.6 + 0.7 * layer) + vec2(3.7 * layer, 0.0);
            q.y += time * (4.4 + 0.8 * layer) + 40.0 * hash1(floor(q.x) + 17.0 * layer);
            vec2 drop = floor(q), inside = fract(q);
            float seed = hash2(drop + 31.0 * layer);
            float wide = 0.05 + 0.03 * layer;
            float streak = smoothstep(wide, 0.0, abs(inside.x - 0.2 - 0.6 * seed)) * smoothstep(0.0, 0.6, inside.y) * smoothstep(1.0, 0.7, inside.y);
            c += streak * step(0.55, seed) * rain * (0.020 + 0.025 * flash);
        }
    }
    return c;
}
